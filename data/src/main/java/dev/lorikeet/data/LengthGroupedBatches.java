package dev.lorikeet.data;

import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Decides which examples share a batch, so that little of it is padding.
 *
 * <p>An epoch is shuffled and cut into windows of about 50 batches; inside a window examples are
 * sorted by length, so that each batch holds examples of nearly the same length, but others in
 * every epoch. On WordNet's glosses in batches of 32, padding is about 5 % of the tokens; without
 * grouping it would be 58 %.
 */
public final class LengthGroupedBatches {
  /** In batches. Fewer leave more padding (20: about 10 %), more leave less to chance. */
  private static final int WINDOW = 50;

  private LengthGroupedBatches() {}

  /**
   * The batches of one epoch of training, in order: every example once; all batches full but the
   * last of a window, one in all; the batch with the longest example first, so that memory peaks at
   * once; the others shuffled. The same arguments give the same batches.
   *
   * @param lengths of the examples, in tokens
   * @return for each batch the indices of its examples
   * @throws UsageException when {@code batchSize} is below 1
   */
  public static List<int[]> epoch(int[] lengths, int batchSize, long seed, int epoch) {
    check(batchSize);
    SplittableRandom random = Seeds.random(seed, epoch);
    int[] order = IntStream.range(0, lengths.length).toArray();
    Seeds.shuffle(order, random);
    List<int[]> batches = new ArrayList<>();
    int window = window(lengths.length, batchSize);
    for (int start = 0; start < order.length; start += window) {
      int end = Math.min(start + window, order.length);
      cut(longestFirst(Arrays.copyOfRange(order, start, end), lengths), batchSize, batches);
    }
    return longestBatchFirst(shuffled(batches, random), lengths);
  }

  /**
   * The batches of an evaluation: all examples, the longest first.
   *
   * @param lengths of the examples, in tokens
   * @return for each batch the indices of its examples
   * @throws UsageException when {@code batchSize} is below 1
   */
  public static List<int[]> evaluation(int[] lengths, int batchSize) {
    check(batchSize);
    List<int[]> batches = new ArrayList<>();
    int[] order = IntStream.range(0, lengths.length).toArray();
    cut(longestFirst(order, lengths), batchSize, batches);
    return batches;
  }

  /** The part of all tokens that is padding when each batch is padded to its longest example. */
  public static double paddingRatio(int[] lengths, List<int[]> batches) {
    long tokens = 0;
    long places = 0;
    for (int[] batch : batches) {
      tokens += Arrays.stream(batch).map(i -> lengths[i]).asLongStream().sum();
      places += (long) batch.length * longest(batch, lengths);
    }
    return places == 0 ? 0 : 1 - (double) tokens / places;
  }

  private static void check(int batchSize) {
    if (batchSize < 1) {
      throw new UsageException("batch-size must be at least 1, not " + batchSize);
    }
  }

  /** Windows of equal size, in examples: a short one at the end would be padded the most. */
  private static int window(int examples, int batchSize) {
    int batches = ceilDiv(examples, batchSize);
    int windows = Math.max(1, Math.round((float) batches / WINDOW));
    return Math.max(1, ceilDiv(batches, windows)) * batchSize;
  }

  private static int ceilDiv(int a, int b) {
    return (int) (((long) a + b - 1) / b);
  }

  /** Sorts stably, so that among equals the order given decides. */
  private static int[] longestFirst(int[] examples, int[] lengths) {
    return Arrays.stream(examples)
        .boxed()
        .sorted(Comparator.comparingInt(i -> -lengths[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static void cut(int[] examples, int batchSize, List<int[]> batches) {
    for (int start = 0; start < examples.length; start += batchSize) {
      batches.add(
          Arrays.copyOfRange(examples, start, Math.min(start + batchSize, examples.length)));
    }
  }

  private static List<int[]> shuffled(List<int[]> batches, SplittableRandom random) {
    int[] order = IntStream.range(0, batches.size()).toArray();
    Seeds.shuffle(order, random);
    return new ArrayList<>(Arrays.stream(order).mapToObj(batches::get).toList());
  }

  private static List<int[]> longestBatchFirst(List<int[]> batches, int[] lengths) {
    IntStream.range(0, batches.size())
        .boxed()
        .max(Comparator.comparingInt(b -> longest(batches.get(b), lengths)))
        .ifPresent(longest -> Collections.swap(batches, 0, longest));
    return batches;
  }

  private static int longest(int[] batch, int[] lengths) {
    return Arrays.stream(batch).map(i -> lengths[i]).max().orElse(0);
  }
}
