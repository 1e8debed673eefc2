package dev.lorikeet.training;

import dev.lorikeet.adapters.Sample;
import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Tensor;
import java.util.AbstractList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/** Some of a run's examples as batches, for adapters that start from data. */
public final class Samples {
  private Samples() {}

  /**
   * Batches of all the examples, in an order drawn from the run's seed: each is made anew whenever
   * it is asked for, in the scope that is open then, so that only those in use take memory.
   *
   * @param labelledOnly whether only positions with a label count, where positions have labels
   */
  public static List<Sample> of(
      Model model,
      List<EncodedExample> examples,
      int padTokenId,
      TrainingConfig config,
      boolean labelledOnly) {
    int[] lengths = EncodedExample.lengths(examples);
    List<int[]> rows = LengthGroupedBatches.epoch(lengths, config.batchSize(), config.seed(), 1);
    return new AbstractList<>() {
      @Override
      public Sample get(int index) {
        Batch batch = Batch.of(examples, rows.get(index), padTokenId);
        return new Sample(
            Inputs.of(batch, model), counted(batch, model.isEncoderDecoder(), labelledOnly));
      }

      @Override
      public int size() {
        return rows.size();
      }
    };
  }

  /** By how many positions a row has: those of the input, and those of an answer. */
  private static Map<Long, Tensor> counted(Batch batch, boolean answers, boolean labelledOnly) {
    Map<Long, Tensor> counted = new LinkedHashMap<>();
    if (!batch.images().isEmpty()) {
      return counted;
    }
    int labels = batch.labelLength();
    IntPredicate labelled = i -> batch.classes()[i] != EncodedExample.IGNORED;
    if (answers) {
      put(counted, batch.rows(), labels, labelled);
    }
    boolean byLabel = labelledOnly && !answers && labels == batch.length() && labels > 1;
    put(
        counted,
        batch.rows(),
        batch.length(),
        i -> batch.attentionMask()[i] != 0 && (!byLabel || labelled.test(i)));
    return counted;
  }

  private static void put(Map<Long, Tensor> counted, int rows, int length, IntPredicate counts) {
    long[] positions = IntStream.range(0, rows * length).filter(counts).asLongStream().toArray();
    if (positions.length > 0) {
      counted.put((long) length, Tensor.of(positions, positions.length));
    }
  }
}
