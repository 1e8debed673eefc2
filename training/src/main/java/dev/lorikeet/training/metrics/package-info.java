/** What labels and answers score: classes, sets of labels, numbers, entities. */
@NullMarked
package dev.lorikeet.training.metrics;

import org.jspecify.annotations.NullMarked;
