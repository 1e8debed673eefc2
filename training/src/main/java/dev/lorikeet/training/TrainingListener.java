package dev.lorikeet.training;

import java.util.List;

/** Hears how a run goes; for progress bars and trackers. */
public interface TrainingListener {
  /** Hears nothing. */
  TrainingListener SILENT = new TrainingListener() {};

  /** Listeners that all hear the same run, in this order. */
  static TrainingListener of(TrainingListener... listeners) {
    return new Listeners(List.of(listeners));
  }

  /** The run that is about to start goes on where another stopped, after so many steps. */
  default void resumed(long step) {}

  /** The run is about to start with these groups. */
  default void started(List<ParameterGroup> groups, long totalSteps) {}

  /** Something about the data that the user should know. */
  default void remarked(String remark) {}

  /** Some steps are done. */
  default void progressed(Progress progress) {}

  /** So many steps are done that their numbers are to be logged. */
  default void logged(StepReport report) {}

  /** The model was evaluated; where that ends an epoch, {@link #epochEnded} tells it again. */
  default void evaluated(StepEvaluation evaluation) {}

  /** An epoch is done, or as much of it as the run has. */
  default void epochEnded(EpochReport report) {}

  /**
   * How far a run is.
   *
   * @param step the steps done
   * @param totalSteps the steps of the whole run
   * @param epoch the present epoch, from 1
   * @param loss the mean training loss since the last report
   * @param tokensPerSecond since the start of training, evaluation not counted
   * @param secondsLeft as far as can be told from the steps done
   */
  record Progress(
      long step,
      long totalSteps,
      int epoch,
      double loss,
      double tokensPerSecond,
      double secondsLeft) {}
}
