/** Trackers: what a run's numbers are told to, while it goes on. */
@NullMarked
package dev.lorikeet.training.tracking;

import org.jspecify.annotations.NullMarked;
