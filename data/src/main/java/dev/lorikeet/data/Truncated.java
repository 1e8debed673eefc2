package dev.lorikeet.data;

import java.util.Locale;

/**
 * How much of some examples lay beyond the maximal length and was cut off.
 *
 * @param texts how many texts were cut
 * @param labels how many labels went with them: words of token classification, tokens that a
 *     language model would have learned
 */
public record Truncated(int texts, int labels) {
  public static final Truncated NOTHING = new Truncated(0, 0);

  /** Both together. */
  public Truncated plus(Truncated other) {
    return new Truncated(texts + other.texts, labels + other.labels);
  }

  /**
   * A sentence for people.
   *
   * @param of how many texts there are
   * @param what they are: texts, training texts, ...
   * @param maxLength in tokens
   */
  public String sentence(int of, String what, int maxLength) {
    String cut =
        String.format(
            Locale.ROOT,
            "%d of %d %s were cut, as they have more than %d tokens (max_length)",
            texts,
            of,
            what,
            maxLength);
    return labels == 0 ? cut : cut + "; " + labels + " labels were cut off with them";
  }
}
