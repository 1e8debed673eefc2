package dev.lorikeet.training;

import dev.lorikeet.data.Augmentation;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/**
 * What keeps a run from learning its examples by heart. Nothing of it is on by default, and nothing
 * of it touches evaluation: losses are compared without it.
 */
@Setting.Group("Regularization")
public record RegularizationConfig(
    @Setting(value = "Spread this part of a label over all classes.", label = "PART")
        @Setting.Range(atLeast = 0, below = 1)
        double labelSmoothingFactor,
    @Setting(
            value = "How much each class's labels count: balanced, or weights by label.",
            label = "balanced|LABEL=WEIGHT",
            form = ClassWeights.Names.class)
        ClassWeights classWeights,
    @Setting(
            value = "Focal loss: labels that the model knows count less, by (1 − p)^γ.",
            label = "GAMMA")
        @Setting.Range(atLeast = 0, atMost = Double.MAX_VALUE)
        double focalGamma,
    @Setting(value = "Noise on embedded tokens, α / √(length · width).", label = "ALPHA")
        @Setting.Range(atLeast = 0, atMost = Double.MAX_VALUE)
        double neftuneNoiseAlpha,
    @Setting(
            value =
                "The probability with which an element of a weight returns to the checkpoint's.",
            label = "P")
        @Setting.Range(atLeast = 0, below = 1)
        double mixout,
    AveragingConfig averaging,
    Dropouts dropouts,
    Augmentation.Rates augmentation) {

  /** Nothing but what the checkpoint's own configuration says. */
  public static final RegularizationConfig NONE =
      new RegularizationConfig(
          0,
          ClassWeights.NONE,
          0,
          0,
          0,
          AveragingConfig.NONE,
          Dropouts.UNCHANGED,
          Augmentation.NONE);

  public RegularizationConfig {
    Bounds.check(
        RegularizationConfig.class,
        labelSmoothingFactor,
        classWeights,
        focalGamma,
        neftuneNoiseAlpha,
        mixout);
    if (focalGamma > 0 && labelSmoothingFactor > 0) {
      throw new UsageException(
          "focal_gamma is "
              + focalGamma
              + " and label_smoothing_factor is "
              + labelSmoothingFactor
              + ": use one of them");
    }
  }

  /** With labels smoothed, weighted and focused otherwise. */
  public RegularizationConfig withLoss(double smoothing, ClassWeights weights, double gamma) {
    return new RegularizationConfig(
        smoothing, weights, gamma, neftuneNoiseAlpha, mixout, averaging, dropouts, augmentation);
  }

  /** With other noise on embedded tokens and another mixout. */
  public RegularizationConfig withNoise(double alpha, double mixoutProbability) {
    return new RegularizationConfig(
        labelSmoothingFactor,
        classWeights,
        focalGamma,
        alpha,
        mixoutProbability,
        averaging,
        dropouts,
        augmentation);
  }

  /** With weights averaged otherwise. */
  public RegularizationConfig withAveraging(AveragingConfig other) {
    return new RegularizationConfig(
        labelSmoothingFactor,
        classWeights,
        focalGamma,
        neftuneNoiseAlpha,
        mixout,
        other,
        dropouts,
        augmentation);
  }
}
