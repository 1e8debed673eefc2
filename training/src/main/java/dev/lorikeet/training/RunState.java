package dev.lorikeet.training;

import com.fasterxml.jackson.annotation.JsonMerge;
import dev.lorikeet.data.Batch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far a run is: what has to be known, beside parameters and optimizer, to go on. A checkpoint
 * holds every field.
 */
final class RunState {
  private static final int RECENT = 20;

  /** The present epoch, from 1, and how many of its batches are done. */
  int epoch = 1;

  int batchesDone;

  /** The batches of a whole epoch. */
  long batchesPerEpoch;

  /** Optimizer steps, tokens without and positions with padding, since the start. */
  long step;

  long tokens;
  long positions;

  /** How many weights an average has taken in. */
  long averaged;

  /** Steps left out by {@code on_nan: skip}, and how many of them were the last ones. */
  long skipped;

  int skippedInARow;

  /** What the loss is multiplied by, and how many good steps there were since that changed. */
  double lossScale = Double.NaN;

  int goodSteps;

  /** What the epochs and evaluations gave. */
  List<EpochReport> epochs = new ArrayList<>();

  List<StepEvaluation> evaluations = new ArrayList<>();

  /** What evaluations did to the learning rate. */
  @JsonMerge final Plateau plateau = new Plateau();

  /** The best score, NaN before the first, and where it was reached. */
  double bestScore = Double.NaN;

  long bestStep;
  int bestEpoch;

  /** How many evaluations in a row gained nothing, and whether the run ends for that. */
  int evaluationsWithoutGain;

  boolean stopped;

  /** Training time since the start, evaluation not counted. */
  private long nanos;

  private long startedAt;

  /** The losses of the last batches, and the sums of the epoch. */
  private double[] recent = new double[RECENT];

  private int batches;
  private double lossSum;
  private double terms;

  /** The sums since the last report, and what had been done by then. */
  private double unreportedSum;

  private double unreportedTerms;
  private long reportedTokens;
  private double reportedSeconds;

  /** How far the run is in epochs, from 0. */
  double epochsDone() {
    return epoch - 1 + (double) batchesDone / batchesPerEpoch;
  }

  /** The evaluation after the present step; null where there was none. */
  @Nullable Evaluation presentEvaluation() {
    StepEvaluation last = evaluations.isEmpty() ? null : evaluations.get(evaluations.size() - 1);
    return last == null || last.step() != step ? null : last.evaluation();
  }

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

  /** Counts a batch, its tokens and its loss. */
  void count(Batch batch, double sum, double batchTerms) {
    countTokens(batch);
    addLoss(sum, batchTerms);
  }

  /** Counts a batch's tokens. */
  void countTokens(Batch batch) {
    tokens += batch.tokens();
    positions += (long) batch.rows() * batch.length();
  }

  /** Counts a batch's loss. */
  void addLoss(double batchSum, double batchTerms) {
    recent[batches++ % RECENT] = batchTerms > 0 ? batchSum / batchTerms : 0;
    lossSum += batchSum;
    terms += batchTerms;
    unreportedSum += batchSum;
    unreportedTerms += batchTerms;
  }

  /** The mean loss since this was last asked for; NaN where no label counted. */
  double takeLoss() {
    double mean = unreportedSum / unreportedTerms;
    unreportedSum = 0;
    unreportedTerms = 0;
    return mean;
  }

  /** Tokens a second since this was last asked for. */
  double takeSpeed() {
    double seconds = seconds();
    double speed = (tokens - reportedTokens) / (seconds - reportedSeconds);
    reportedTokens = tokens;
    reportedSeconds = seconds;
    return speed;
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
  void endEpoch(EpochReport report) {
    epochs.add(report);
    epoch++;
    batchesDone = 0;
    batches = 0;
    lossSum = 0;
    terms = 0;
  }
}
