/** What is learned: one file a task. */
@NullMarked
package dev.lorikeet.tasks;

import org.jspecify.annotations.NullMarked;
