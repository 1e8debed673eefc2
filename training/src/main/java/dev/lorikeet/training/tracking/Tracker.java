package dev.lorikeet.training.tracking;

import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a run's numbers somewhere. {@link Tracking} calls it; a tracker that throws is not called
 * again, and the run goes on.
 */
public interface Tracker {
  /** What it is called in messages. */
  String name();

  /**
   * A run begins.
   *
   * @param step 0, or the steps of an earlier run that this one goes on from: what was recorded of
   *     later steps is to be forgotten
   */
  void start(long step) throws IOException;

  /** Numbers of the run's present step. */
  void record(Measurement measurement) throws IOException;

  /** The run is over, and all it writes is written. */
  void end(Outcome outcome) throws IOException;

  /** How a run ended. */
  enum Outcome {
    FINISHED,
    FAILED,
    /** Ended from outside. */
    KILLED
  }

  /**
   * Numbers at one step.
   *
   * @param step the steps done
   * @param epoch how far the run is in epochs, from 0
   * @param kind what they are numbers of
   * @param values by the names that transformers gives them: {@code loss}, {@code eval_accuracy}
   * @param main the key of the one that runs are compared by; null where there is none
   */
  record Measurement(
      long step, double epoch, Kind kind, Map<String, Double> values, @Nullable String main) {}

  /** What is measured. */
  enum Kind {
    /** Training steps. */
    TRAIN,
    /** The model, on the evaluation data. */
    EVALUATION
  }
}
