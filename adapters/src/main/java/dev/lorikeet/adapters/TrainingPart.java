package dev.lorikeet.adapters;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.Map;

/**
 * What an adapter method does in training beside answering: it adds a term to the loss, and looks
 * at the parameters after each step.
 */
public interface TrainingPart {
  /**
   * Hears how long the run is, before it starts.
   *
   * @throws dev.lorikeet.torch.UsageException when the method's settings do not fit that
   */
  void fit(long totalSteps);

  /** Starts a run; what the part remembers belongs to the scope that is open now. */
  void start();

  /** The term that is added to each step's mean loss, a float32 scalar. */
  Tensor penalty();

  /**
   * Looks at the parameters after the optimizer has moved them, and may change them.
   *
   * @param step how many steps were before this one
   * @param gradients of the step, by which the parameters were moved
   */
  void afterStep(long step, Map<Parameter, Tensor> gradients);

  /**
   * Whether the best parameters may be those after so many steps: not while the method still
   * changes what the run ends with.
   */
  default boolean mayBeKept(long steps) {
    return true;
  }

  /** Whether a parameter may end with the values that it started with. */
  boolean mayRest(Parameter parameter);

  /**
   * What the part remembers from step to step, by a name that is the same in every process;
   * overwriting these tensors sets it.
   */
  Map<String, Tensor> state();
}
