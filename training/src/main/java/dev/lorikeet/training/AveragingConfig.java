package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;

/**
 * Which average of the weights is evaluated and kept, rather than the last weights themselves.
 *
 * @param emaDecay the part of an exponential moving average that stays at each step; 0 for none
 * @param emaWarmup whether the decay starts low, (1 + n) / (10 + n) after n steps, so that the
 *     first weights are soon forgotten
 * @param lastEpochs the mean of the weights after each of the last so many epochs; 0 for none
 */
public record AveragingConfig(double emaDecay, boolean emaWarmup, int lastEpochs) {
  /** The weights themselves. */
  public static final AveragingConfig NONE = new AveragingConfig(0, false, 0);

  public AveragingConfig {
    if (!(emaDecay >= 0 && emaDecay < 1)) {
      throw new UsageException("ema_decay is " + emaDecay + ": it must be at least 0 and below 1");
    }
    if (lastEpochs < 0) {
      throw new UsageException("average_last_epochs is " + lastEpochs + ": it must be at least 0");
    }
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
