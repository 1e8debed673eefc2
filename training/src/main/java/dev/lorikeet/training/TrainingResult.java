package dev.lorikeet.training;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a run did and cost.
 *
 * @param epochs the epochs' reports
 * @param bestEpoch the epoch whose parameters were kept, from 1
 * @param steps optimizer steps
 * @param tokens tokens seen in training, padding not counted
 * @param paddingRatio the share of padding among all positions computed in training
 * @param trainSeconds training time, evaluation not counted
 * @param peakRssMib the process's peak resident memory during the run, in MiB; −1 where unknown
 * @param trainableParameters elements that were trained
 * @param totalParameters elements of the model and what was added to it
 */
public record TrainingResult(
    List<EpochReport> epochs,
    int bestEpoch,
    long steps,
    long tokens,
    double paddingRatio,
    double trainSeconds,
    long peakRssMib,
    long trainableParameters,
    long totalParameters) {

  /** Tokens a second in training. */
  public double tokensPerSecond() {
    return tokens / trainSeconds;
  }

  /** The evaluation of the epoch that was kept; null without evaluation data. */
  public @Nullable Evaluation evaluation() {
    return epochs.get(bestEpoch - 1).evaluation();
  }
}
