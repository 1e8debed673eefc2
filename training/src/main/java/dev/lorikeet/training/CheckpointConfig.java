package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;

/**
 * When a run is saved, so that it can go on after an interruption. Nothing of it changes what the
 * run computes.
 */
@Setting.Group("Checkpoints")
public record CheckpointConfig(
    @Setting("When to save a checkpoint to resume from; Ctrl-C saves one in any case.")
        IntervalStrategy saveStrategy,
    @Setting(value = "Steps from checkpoint to checkpoint, or below 1 a share of all.", label = "N")
        double saveSteps,
    @Setting("Keep the N newest checkpoints; 0 for all.") @Setting.Range(atLeast = 0)
        int saveTotalLimit) {
  /** Only when the run is interrupted. */
  public static final CheckpointConfig DEFAULT = new CheckpointConfig(IntervalStrategy.NO, 500, 0);

  public CheckpointConfig {
    IntervalStrategy.check("save_steps", saveSteps);
    Bounds.check(CheckpointConfig.class, saveStrategy, saveSteps, saveTotalLimit);
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
