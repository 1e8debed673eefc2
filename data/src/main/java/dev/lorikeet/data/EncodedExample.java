package dev.lorikeet.data;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One example as a model reads it.
 *
 * @param ids the tokens, special ones included; none where there is an image
 * @param typeIds beside each token 0 for the first text, 1 for the second
 * @param classes one class id for a single-label task; one a token, {@link #IGNORED} where none
 *     counts, for token classification and masked and causal language models, the latter's not
 *     shifted; for an encoder-decoder the tokens of the answer; else none
 * @param targets the number for regression; for a multi-label task one a label, 1 where it holds
 *     and 0 where not; else none
 * @param image the picture that is read when its batch is; null where there is a text
 * @param wordIds beside each token the index of its word, −1 for special ones; empty where nobody
 *     knows
 * @param documents the lengths of the documents that lie one after the other in a packed row; empty
 *     for an example by itself
 * @param others the example's texts beside this one, which an objective compares: the positive of
 *     an anchor and its negatives, the rejected answer beside the chosen; else none
 */
@SuppressWarnings("ArrayRecordComponent") // examples are never compared
public record EncodedExample(
    int[] ids,
    int[] typeIds,
    long[] classes,
    float[] targets,
    @Nullable ImageFile image,
    int[] wordIds,
    int[] documents,
    List<EncodedExample> others) {
  /** The class id of what no loss and no metric counts; Hugging Face's and torch's own value. */
  public static final long IGNORED = -100;

  public EncodedExample {
    others = List.copyOf(others);
  }

  /** A text whose tokens are of no known words. */
  public EncodedExample(int[] ids, int[] typeIds, long[] classes, float[] targets) {
    this(ids, typeIds, classes, targets, new int[0]);
  }

  /** A text whose tokens are of words. */
  public EncodedExample(int[] ids, int[] typeIds, long[] classes, float[] targets, int[] wordIds) {
    this(ids, typeIds, classes, targets, null, wordIds);
  }

  /** An example by itself. */
  public EncodedExample(
      int[] ids,
      int[] typeIds,
      long[] classes,
      float[] targets,
      @Nullable ImageFile image,
      int[] wordIds) {
    this(ids, typeIds, classes, targets, image, wordIds, new int[0], List.of());
  }

  /** Documents that lie one after the other, of known lengths. */
  static EncodedExample packed(int[] ids, int[] typeIds, long[] classes, int[] documents) {
    return new EncodedExample(
        ids, typeIds, classes, new float[0], null, new int[0], documents, List.of());
  }

  /** The same with texts that are compared with it. */
  public EncodedExample beside(List<EncodedExample> texts) {
    return new EncodedExample(ids, typeIds, classes, targets, image, wordIds, documents, texts);
  }

  /** All its texts, this one first. */
  public List<EncodedExample> texts() {
    List<EncodedExample> texts = new ArrayList<>(List.of(this));
    texts.addAll(others);
    return texts;
  }

  /** The number of tokens. */
  public int length() {
    return image == null ? ids.length : image.tokens();
  }

  /** Whether two tokens are known to be of one word. */
  boolean isSameWord(int a, int b) {
    return wordIds.length > 0 && wordIds[a] >= 0 && wordIds[a] == wordIds[b];
  }

  /** The number of tokens of each example, of its longest text where it has several. */
  public static int[] lengths(List<EncodedExample> examples) {
    return examples.stream().mapToInt(EncodedExample::longest).toArray();
  }

  private int longest() {
    return others.stream().mapToInt(EncodedExample::length).reduce(length(), Math::max);
  }
}
