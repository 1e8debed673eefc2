/**
 * Training: losses, the optimizer and its parameter groups, schedules, the loop, evaluation and
 * metrics.
 */
@NullMarked
package dev.lorikeet.training;

import org.jspecify.annotations.NullMarked;
