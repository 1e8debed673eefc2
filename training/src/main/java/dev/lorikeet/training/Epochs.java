package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import java.util.List;

/** The batches of a run, epoch by epoch: drawn from its seed and the epoch's number alone. */
final class Epochs {
  private final TrainingData data;
  private final TrainingConfig config;
  private final int[] lengths;
  private Epoch present = new Epoch(0, List.of(), List.of());

  /** An epoch's examples and batches. */
  record Epoch(int number, List<EncodedExample> examples, List<int[]> batches) {
    /** The batches of the step after {@code done} batches. */
    List<int[]> batches(int done, int most) {
      return batches.subList(done, Math.min(batches.size(), done + most));
    }
  }

  /**
   * The epochs of a run, as its settings cut them.
   *
   * @param lengths of the examples, which are the same in each epoch
   */
  Epochs(TrainingData data, int[] lengths, TrainingConfig config) {
    this.data = data;
    this.lengths = lengths;
    this.config = config;
  }

  /** The epoch of this number, from 1; kept until another is asked for. */
  Epoch at(int number) {
    if (present.number != number) {
      List<int[]> batches =
          LengthGroupedBatches.epoch(lengths, config.batchSize(), config.seed(), number);
      present = new Epoch(number, data.epoch(number), batches);
    }
    return present;
  }

  /** How many batches an epoch has. */
  long batchesPerEpoch() {
    return ceilDiv(lengths.length, config.batchSize());
  }

  /** How many optimizer steps an epoch has. */
  long stepsPerEpoch() {
    return ceilDiv(batchesPerEpoch(), config.gradientAccumulation());
  }

  private static long ceilDiv(long dividend, long divisor) {
    return (dividend + divisor - 1) / divisor;
  }
}
