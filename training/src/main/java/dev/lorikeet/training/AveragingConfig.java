package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/** Which average of the weights is evaluated and kept, rather than the last weights themselves. */
@Setting.Group("Regularization")
public record AveragingConfig(
    @Setting(
            value =
                "Evaluate and keep a moving average of the weights; this part of it stays at each step.",
            label = "DECAY")
        @Setting.Range(atLeast = 0, below = 1)
        double emaDecay,
    @Setting("The decay starts low, (1 + n) / (10 + n) after n steps.") boolean emaWarmup,
    @Setting(
            value = "Evaluate and keep the mean of the weights after each of the last N epochs.",
            key = "average_last_epochs")
        @Setting.Range(atLeast = 0)
        int lastEpochs) {
  /** The weights themselves. */
  public static final AveragingConfig NONE = new AveragingConfig(0, false, 0);

  public AveragingConfig {
    Bounds.check(AveragingConfig.class, emaDecay, emaWarmup, lastEpochs);
    if (emaDecay > 0 && lastEpochs > 0) {
      throw new UsageException(
          "ema_decay is "
              + emaDecay
              + " and average_last_epochs is "
              + lastEpochs
              + ": use one of them");
    }
    if (emaWarmup && emaDecay == 0) {
      throw new UsageException("ema_warmup is true and ema_decay is 0: give an ema_decay");
    }
  }
}
