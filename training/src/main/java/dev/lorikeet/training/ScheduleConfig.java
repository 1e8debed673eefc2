package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;

/**
 * How the learning rate changes over a run.
 *
 * @param schedule how it falls from its peak
 * @param warmupRatio the share of steps in which it first rises from zero
 */
public record ScheduleConfig(Schedule schedule, double warmupRatio) {
  /** Linear, after a warm-up of 6 % of the steps. */
  public static final ScheduleConfig DEFAULT = new ScheduleConfig(Schedule.LINEAR, 0.06);

  public ScheduleConfig {
    if (!(warmupRatio >= 0 && warmupRatio < 1)) {
      throw new UsageException(
          "warmup_ratio is " + warmupRatio + ": it must be at least 0 and below 1");
    }
  }

  /** The steps of the warm-up: at least the last step has a learning rate above zero. */
  long warmupSteps(long totalSteps) {
    return Math.min(totalSteps - 1, (long) Math.ceil(totalSteps * warmupRatio));
  }
}
