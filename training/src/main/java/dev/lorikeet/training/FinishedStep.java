package dev.lorikeet.training;

import java.util.List;

/**
 * A step that is done.
 *
 * @param step the steps done, this one among them
 * @param totalSteps the steps of the whole run, if nothing ends it early
 * @param epoch the epoch that it belongs to, from 1
 * @param rates the learning rate of each parameter group
 * @param gradientNorm of all gradients together before clipping; NaN where the step was left out
 * @param endsEpoch whether it is the last step of its epoch, or of the run
 */
public record FinishedStep(
    long step,
    long totalSteps,
    int epoch,
    List<Double> rates,
    double gradientNorm,
    boolean endsEpoch) {
  public FinishedStep {
    rates = List.copyOf(rates);
  }
}
