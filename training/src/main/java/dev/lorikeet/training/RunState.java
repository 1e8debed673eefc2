package dev.lorikeet.training;

import dev.lorikeet.torch.LorikeetException;
import java.util.Arrays;

/** How far a run is: what has to be known, beside parameters and optimizer, to go on. */
final class RunState {
  private static final int RECENT = 20;

  /** The present epoch, from 1, and how many of its batches are done. */
  int epoch = 1;

  int batchesDone;

  /** Optimizer steps, tokens without and positions with padding, since the start. */
  long step;

  long tokens;
  long positions;

  /** Training time since the start, evaluation not counted. */
  private long nanos;

  private long startedAt;

  /** The losses of the last batches, and the sums of the epoch. */
  private final double[] recent = new double[RECENT];

  private int batches;
  private double lossSum;
  private long terms;

  /** The sums since the last report. */
  private double unreportedSum;

  private long unreportedTerms;

  // ---- time ----

  void startClock() {
    startedAt = System.nanoTime();
  }

  void stopClock() {
    nanos += System.nanoTime() - startedAt;
    startedAt = 0;
  }

  double seconds() {
    return (nanos + (startedAt == 0 ? 0 : System.nanoTime() - startedAt)) / 1e9;
  }

  // ---- loss ----

  /**
   * Counts a batch's loss.
   *
   * @throws LorikeetException when it is not finite
   */
  void addLoss(double batchSum, int batchTerms) {
    if (!Double.isFinite(batchSum)) {
      throw new LorikeetException(
          "the loss is "
              + batchSum
              + " at step "
              + (step + 1)
              + ": lower the learning rate, or look for broken rows in the data");
    }
    recent[batches++ % RECENT] = batchSum / Math.max(1, batchTerms);
    lossSum += batchSum;
    terms += batchTerms;
    unreportedSum += batchSum;
    unreportedTerms += batchTerms;
  }

  /** The mean loss since this was last asked for. */
  double takeLoss() {
    double mean = unreportedSum / Math.max(1, unreportedTerms);
    unreportedSum = 0;
    unreportedTerms = 0;
    return mean;
  }

  /** The mean loss of the epoch so far. */
  double meanLoss() {
    return lossSum / terms;
  }

  /** The mean loss of the epoch's last batches. */
  double recentLoss() {
    int count = Math.min(batches, RECENT);
    return Arrays.stream(recent, 0, count).sum() / count;
  }

  /** Goes on to the next epoch. */
  void endEpoch() {
    epoch++;
    batchesDone = 0;
    batches = 0;
    lossSum = 0;
    terms = 0;
  }
}
