package dev.lorikeet.training;

/**
 * When a run is evaluated, and what follows from it.
 *
 * @param keepBest whether the parameters of the best evaluation are kept, or those of the last step
 */
public record EvaluationConfig(boolean keepBest) {
  /** After each epoch; the best one's parameters are kept. */
  public static final EvaluationConfig DEFAULT = new EvaluationConfig(true);
}
