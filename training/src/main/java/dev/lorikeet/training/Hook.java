package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.Map;

/**
 * Something that happens around the steps of a run: a check, an average, an evaluation, a
 * checkpoint. The loop knows nothing else of it. A run calls each method on all its hooks in the
 * order of their list: those that its settings ask for, then those of {@link Trainer#hook}, then
 * the one that saves it. The methods come in this order:
 *
 * <ol>
 *   <li>{@link #resume}, {@link #start}
 *   <li>at each step {@link #beforeStep}; then {@link #beforeClipping}, {@link #beforeUpdate} and
 *       {@link #afterUpdate}, or {@link #skipped} in the place of those that are left; {@link
 *       #afterStep}; at an epoch's end {@link #afterEpoch}; {@link #settled}
 *   <li>{@link #end} where nothing was thrown, and {@link #close} however the run ended
 * </ol>
 *
 * <p>What a hook throws ends the run. All calls come from the thread of {@link Trainer#run}, which
 * has the model to itself. Tensors made in {@link #beforeClipping}, {@link #beforeUpdate}, {@link
 * #afterUpdate} and {@link #skipped} live as long as the step's gradients, others as long as the
 * run unless a {@link dev.lorikeet.torch.Scope} of the hook's own frees them.
 *
 * <p>Where something is only to be told, a {@link TrainingListener} is simpler.
 */
public interface Hook extends AutoCloseable {
  /** Sets the run to what was saved of it, if it goes on from that. */
  default void resume() {}

  /** The run is about to make its first step, or the next where it goes on. */
  default void start() {}

  /**
   * A step is about to begin; the gradients are not made yet.
   *
   * @param step the steps done, 0 at the first
   */
  default void beforeStep(long step) {}

  /**
   * The gradients of a step's mean loss are there, and may be changed in place.
   *
   * @param gradients of the parameters that train at this step
   */
  default void beforeClipping(Map<Parameter, Tensor> gradients) {}

  /**
   * The gradients are clipped, and the optimizer has not seen them yet.
   *
   * @param norm of all gradients together, before they were clipped; perhaps not finite
   */
  default void beforeUpdate(Map<Parameter, Tensor> gradients, double norm) {}

  /** The optimizer has moved the parameters by these gradients. */
  default void afterUpdate(Map<Parameter, Tensor> gradients) {}

  /**
   * The parameters stay as they are at this step.
   *
   * @param reason why: its loss or gradients are NaN or infinite, or no label counts
   */
  default void skipped(LorikeetException reason) {}

  /** A step is done, whether or not it moved parameters. */
  default void afterStep(FinishedStep step) {}

  /** An epoch is done, or as much of it as the run has. */
  default void afterEpoch(EpochReport report) {}

  /** All that follows a step is done: what is saved now can go on with the next. */
  default void settled(FinishedStep step) {}

  /** The last step is done and settled; what is left now is what the run gives. */
  default void end() {}

  /**
   * What a checkpoint holds of it, by names that are the same in every process and no other hook's
   * or parameter's, such as {@code my-hook/count}. It is asked for before the run starts, and a run
   * that goes on overwrites these tensors with what was saved.
   */
  default Map<String, Tensor> state() {
    return Map.of();
  }

  /** The run is over, however it ended. */
  @Override
  default void close() {}
}
