package dev.lorikeet.tasks.objectives;

import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.RegularizationConfig;

/** Settings of losses that are for other labels. */
final class Unsuited {
  private Unsuited() {}

  /** Refuses weights of classes. */
  static void classWeights(RegularizationConfig settings) {
    if (!settings.classWeights().isNone()) {
      throw unsuited("class_weights", "classes");
    }
  }

  /** Refuses what is for classes alone. */
  static void smoothing(RegularizationConfig settings) {
    if (settings.labelSmoothingFactor() > 0) {
      throw unsuited("label_smoothing_factor", "classes");
    }
  }

  /** Refuses what is for classes and sets of labels. */
  static void focus(RegularizationConfig settings) {
    if (settings.focalGamma() > 0) {
      throw unsuited("focal_gamma", "classes and sets of labels");
    }
  }

  private static UsageException unsuited(String key, String kind) {
    return new UsageException(
        key + " is for " + kind + ", and the model's labels are others: leave it out");
  }
}
