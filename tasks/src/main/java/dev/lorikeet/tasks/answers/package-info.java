/** What models answer to labelled examples, collected to be scored: one file a kind of labels. */
@NullMarked
package dev.lorikeet.tasks.answers;

import org.jspecify.annotations.NullMarked;
