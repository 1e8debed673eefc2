package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Which states of a batch its labels are answered from. The head need read no others: of a masked
 * language model's tokens it is one in seven, of a chat the assistant's.
 *
 * <p>Axes: B rows, T states a row, L labels a row, n labels that count, D width, C classes.
 *
 * @param nextToken whether a label is answered from the state before it, as next tokens are
 */
record LabelPositions(boolean nextToken) {
  /**
   * The states of the labels that count, in the order of the labels.
   *
   * @param features [B, D], or [B, T, D], the last L of a row before its labels, or for next tokens
   *     one before
   * @return [n, D]
   */
  Tensor of(Tensor features, Batch batch) {
    int width = features.shape().length == 3 ? (int) features.size(1) : 1;
    Tensor all = features.reshape(-1, features.size(-1)); // [B · T, D]
    if (batch.targets().length > 0) {
      return all;
    }
    int behind = width - batch.labelLength() - (nextToken ? 1 : 0);
    long[] places =
        IntStream.range(0, batch.classes().length)
            .filter(i -> counts(batch, i, behind))
            .mapToLong(i -> row(batch, i) * (long) width + behind + i % batch.labelLength())
            .toArray();
    return places.length == all.size(0)
        ? all
        : all.index(0, Tensor.of(places, places.length).to(features.device()));
  }

  /** The labels that count: int64 [n], or the numbers of all rows, float32 [B, C]. */
  static Tensor labels(Batch batch) {
    if (batch.targets().length > 0) {
      return Tensor.of(batch.targets(), batch.rows(), batch.targets().length / batch.rows());
    }
    long[] counted =
        LongStream.of(batch.classes()).filter(id -> id != EncodedExample.IGNORED).toArray();
    return Tensor.of(counted, counted.length);
  }

  /** How many states an example's labels are answered from. */
  static int count(EncodedExample example) {
    return example.targets().length > 0
        ? 1
        : (int) LongStream.of(example.classes()).filter(id -> id != EncodedExample.IGNORED).count();
  }

  /** How many states each row's labels are answered from, [B]. */
  static int[] counts(Batch batch) {
    int[] counts = new int[batch.rows()];
    if (batch.targets().length > 0) {
      Arrays.fill(counts, 1);
    }
    for (int i = 0; i < batch.classes().length; i++) {
      counts[row(batch, i)] += batch.classes()[i] == EncodedExample.IGNORED ? 0 : 1;
    }
    return counts;
  }

  private static int row(Batch batch, int label) {
    return label / batch.labelLength();
  }

  private static boolean counts(Batch batch, int label, int behind) {
    if (batch.classes()[label] == EncodedExample.IGNORED) {
      return false;
    }
    if (behind + label % batch.labelLength() < 0) {
      throw new IllegalArgumentException("nothing comes before a row's first token to predict it");
    }
    return true;
  }
}
