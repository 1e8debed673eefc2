package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;

/**
 * When a run is saved, so that it can go on after an interruption. Nothing of it changes what the
 * run computes.
 *
 * @param saveStrategy how often; with steps or epochs also when the run ends
 * @param saveSteps for {@link IntervalStrategy#STEPS}: so many steps, or a share of all below 1
 * @param saveTotalLimit so many checkpoints are kept, the newest; 0 for all. The best parameters
 *     lie in every one of them
 */
public record CheckpointConfig(
    IntervalStrategy saveStrategy, double saveSteps, int saveTotalLimit) {
  /** Only when the run is interrupted. */
  public static final CheckpointConfig DEFAULT = new CheckpointConfig(IntervalStrategy.NO, 500, 0);

  public CheckpointConfig {
    IntervalStrategy.check("save_steps", saveSteps);
    if (saveTotalLimit < 0) {
      throw new UsageException(
          "save_total_limit is " + saveTotalLimit + ": it must be at least 0, which is no limit");
    }
  }

  /**
   * Whether a run is to be saved after a step.
   *
   * @param epochEnds whether the step ends an epoch, or the run
   * @param over whether it was the last, planned or not
   */
  boolean isDue(long step, long totalSteps, boolean epochEnds, boolean over) {
    return saveStrategy != IntervalStrategy.NO
        && (over || saveStrategy.isDue(saveSteps, step, totalSteps, epochEnds));
  }
}
