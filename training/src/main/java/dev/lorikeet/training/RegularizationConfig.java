package dev.lorikeet.training;

import dev.lorikeet.data.Augmentation;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.torch.UsageException;

/**
 * What keeps a run from learning its examples by heart. Nothing of it is on by default, and nothing
 * of it touches evaluation: losses are compared without it.
 *
 * @param labelSmoothingFactor the part of a label that is spread over all classes
 * @param classWeights how much each class's labels count
 * @param focalGamma how strongly labels that the model already knows count less, by (1 − p)^γ; 0
 *     for not at all
 * @param neftuneNoiseAlpha the size α of the noise on embedded tokens; 0 for none
 * @param mixout the probability with which an element of a weight is taken from the checkpoint
 * @param averaging of the weights over steps or epochs
 * @param dropouts probabilities other than those of config.json
 * @param augmentation how texts are changed in each epoch
 */
public record RegularizationConfig(
    double labelSmoothingFactor,
    ClassWeights classWeights,
    double focalGamma,
    double neftuneNoiseAlpha,
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
    below1("label_smoothing_factor", labelSmoothingFactor);
    atLeast0("focal_gamma", focalGamma);
    atLeast0("neftune_noise_alpha", neftuneNoiseAlpha);
    below1("mixout", mixout);
    if (focalGamma > 0 && labelSmoothingFactor > 0) {
      throw new UsageException(
          "focal_gamma is "
              + focalGamma
              + " and label_smoothing_factor is "
              + labelSmoothingFactor
              + ": use one of them");
    }
  }

  private static void below1(String key, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new UsageException(key + " is " + value + ": it must be at least 0 and below 1");
    }
  }

  private static void atLeast0(String key, double value) {
    if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
      throw new UsageException(key + " is " + value + ": it must be at least 0");
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
