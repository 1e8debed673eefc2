package dev.lorikeet.training;

import org.jspecify.annotations.Nullable;

/**
 * Counts the evaluations that were no better, and reduces the learning rate when they are too many:
 * torch's ReduceLROnPlateau with relative thresholds, in mode {@code max} for metrics and {@code
 * min} for losses. Its fields are what a resumed run has to know.
 */
final class Plateau {
  /** The factor of every learning rate now. */
  double factor = 1;

  /** The best value so far; NaN before the first. */
  double best = Double.NaN;

  /** The evaluations since the best, or since the last reduction. */
  int bad;

  /**
   * Takes what a run scored.
   *
   * @param trainLoss counts where there is no evaluation
   */
  void offer(@Nullable Evaluation evaluation, double trainLoss, ScheduleConfig config) {
    boolean isLoss = evaluation == null || evaluation.main().equals("loss");
    double loss = evaluation == null ? trainLoss : evaluation.loss();
    double value = isLoss || evaluation == null ? loss : evaluation.score();
    if (isBetter(value, isLoss, config.threshold())) {
      best = value;
      bad = 0;
    } else if (++bad > config.patience()) {
      factor *= config.factor();
      bad = 0;
    }
  }

  private boolean isBetter(double value, boolean isLoss, double threshold) {
    if (Double.isNaN(best)) {
      return !Double.isNaN(value);
    }
    return isLoss ? value < best * (1 - threshold) : value > best * (1 + threshold);
  }
}
