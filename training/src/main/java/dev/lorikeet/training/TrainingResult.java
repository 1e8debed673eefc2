package dev.lorikeet.training;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a run did and cost.
 *
 * @param epochs the epochs' reports
 * @param evaluations all evaluations, in order
 * @param bestEpoch the epoch whose parameters were kept, from 1
 * @param bestStep the step whose parameters were kept
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
    List<StepEvaluation> evaluations,
    int bestEpoch,
    long bestStep,
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

  /** The evaluation of the parameters that were kept; null where they were not evaluated. */
  public @Nullable Evaluation evaluation() {
    return evaluations.stream()
        .filter(evaluation -> evaluation.step() == bestStep)
        .map(StepEvaluation::evaluation)
        .findFirst()
        .orElse(null);
  }
}
