package dev.lorikeet.compare;

import org.jspecify.annotations.Nullable;

/**
 * A model's answer to one word of a text.
 *
 * @param index of the word among those of the text, from 0
 * @param start where it begins in the text, in UTF-16 units
 * @param end behind its last
 * @param probabilities of the labels; null of a word without an answer
 * @param problem why a word has no answer; null of one that has
 */
public record WordPrediction(
    int index,
    String word,
    int start,
    int end,
    @Nullable LabelProbabilities probabilities,
    @Nullable String problem) {

  /** The likeliest label and its probability; null of a word without an answer. */
  public @Nullable LabelScore best() {
    return probabilities == null ? null : probabilities.top(1).get(0);
  }
}
