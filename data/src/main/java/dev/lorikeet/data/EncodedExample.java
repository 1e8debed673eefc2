package dev.lorikeet.data;

import java.util.List;

/**
 * One example as a model reads it.
 *
 * @param ids the tokens, special ones included
 * @param typeIds beside each token 0 for the first text, 1 for the second
 * @param classes one class id for a single-label task; one a token, {@link #IGNORED} where none
 *     counts, for token classification and masked and causal language models, the latter's not
 *     shifted; for an encoder-decoder the tokens of the answer; else none
 * @param targets the number for regression; for a multi-label task one a label, 1 where it holds
 *     and 0 where not; else none
 */
@SuppressWarnings("ArrayRecordComponent") // examples are never compared
public record EncodedExample(int[] ids, int[] typeIds, long[] classes, float[] targets) {
  /** The class id of what no loss and no metric counts; Hugging Face's and torch's own value. */
  public static final long IGNORED = -100;

  /** The number of tokens. */
  public int length() {
    return ids.length;
  }

  /** The number of tokens of each example. */
  public static int[] lengths(List<EncodedExample> examples) {
    return examples.stream().mapToInt(EncodedExample::length).toArray();
  }
}
