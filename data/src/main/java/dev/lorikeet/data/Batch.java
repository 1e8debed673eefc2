package dev.lorikeet.data;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Examples side by side, padded on the right to the longest; arrays are row by row. {@code B} rows,
 * {@code T} tokens, {@code C} labels.
 *
 * @param rows B
 * @param length T
 * @param inputIds [B, T]
 * @param attentionMask [B, T], 1 for tokens and 0 for padding
 * @param tokenTypeIds [B, T], 0 for the first text and 1 for the second
 * @param classes [B] for a single-label task; [B, T], {@link EncodedExample#IGNORED} at padding,
 *     where tokens have labels; [B, U] where the labels are an answer of U tokens; else empty
 * @param targets [B] for regression, [B, C] for a multi-label task, else empty
 * @param indices [B], the place of each row in the data set
 * @param tokens how many of the B·T are not padding
 */
@SuppressWarnings("ArrayRecordComponent") // batches are never compared
public record Batch(
    int rows,
    int length,
    long[] inputIds,
    long[] attentionMask,
    long[] tokenTypeIds,
    long[] classes,
    float[] targets,
    int[] indices,
    int tokens) {

  /**
   * The batch of some examples of a data set.
   *
   * @param indices which, at least one
   * @param padTokenId the token that stands for padding
   * @throws IllegalArgumentException when some of them are labelled and some are not
   */
  public static Batch of(List<EncodedExample> all, int[] indices, int padTokenId) {
    List<EncodedExample> examples = Arrays.stream(indices).mapToObj(all::get).toList();
    int length = examples.stream().mapToInt(EncodedExample::length).max().orElseThrow();
    return new Batch(
        indices.length,
        length,
        padded(examples.stream().map(e -> longs(e.ids())).toList(), length, padTokenId),
        padded(examples.stream().map(Batch::ones).toList(), length, 0),
        padded(examples.stream().map(e -> longs(e.typeIds())).toList(), length, 0),
        classes(examples),
        targets(examples),
        indices.clone(),
        examples.stream().mapToInt(EncodedExample::length).sum());
  }

  /**
   * How many labels a loss counts: the labelled tokens where tokens have labels, else the labelled
   * rows.
   */
  public int labelled() {
    return targets.length > 0
        ? rows
        : (int) LongStream.of(classes).filter(c -> c != EncodedExample.IGNORED).count();
  }

  /** How many labels a row has, padding included: 1, T or U; 0 without any. */
  public int labelLength() {
    return classes.length / rows;
  }

  private static long[] classes(List<EncodedExample> examples) {
    List<long[]> classes = examples.stream().map(EncodedExample::classes).toList();
    mustAgree(classes.stream().mapToInt(c -> c.length).toArray());
    int length = classes.stream().mapToInt(c -> c.length).max().orElse(0);
    return padded(classes, length, EncodedExample.IGNORED);
  }

  private static float[] targets(List<EncodedExample> examples) {
    mustAgree(examples.stream().mapToInt(e -> e.targets().length).toArray());
    int width = examples.get(0).targets().length;
    float[] targets = new float[examples.size() * width];
    for (int row = 0; row < examples.size(); row++) {
      System.arraycopy(examples.get(row).targets(), 0, targets, row * width, width);
    }
    return targets;
  }

  private static void mustAgree(int[] labels) {
    if (Arrays.stream(labels).mapToObj(count -> count > 0).distinct().count() > 1) {
      throw new IllegalArgumentException("labelled and unlabelled examples in one batch");
    }
  }

  private static long[] padded(List<long[]> values, int length, long padding) {
    long[] padded = new long[values.size() * length];
    Arrays.fill(padded, padding);
    for (int row = 0; row < values.size(); row++) {
      System.arraycopy(values.get(row), 0, padded, row * length, values.get(row).length);
    }
    return padded;
  }

  private static long[] longs(int[] values) {
    return Arrays.stream(values).asLongStream().toArray();
  }

  private static long[] ones(EncodedExample example) {
    long[] ones = new long[example.length()];
    Arrays.fill(ones, 1);
    return ones;
  }
}
