package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;

/**
 * Lets no step through whose gradients are NaN or infinite, and decides whether the run goes on.
 */
final class StepGuard implements Hook {
  private final Model model;
  private final List<Trainable> trainables;
  private final NonFiniteConfig config;
  private final LossScale lossScale;
  private final RunState state;
  private final TrainingListener listener;

  StepGuard(
      Model model,
      List<Trainable> trainables,
      NonFiniteConfig config,
      LossScale lossScale,
      RunState state,
      TrainingListener listener) {
    this.model = model;
    this.trainables = trainables;
    this.config = config;
    this.lossScale = lossScale;
    this.state = state;
    this.listener = listener;
  }

  /** Goes on with the loss's scale that the run was left with. */
  @Override
  public void start() {
    if (!Double.isNaN(state.lossScale)) {
      lossScale.restore(state.lossScale, state.goodSteps);
    }
  }

  @Override
  public void beforeClipping(Map<Parameter, Tensor> gradients) {
    lossScale.unscale(gradients);
  }

  /**
   * Checks gradients by their norm; only where it is not finite they are searched.
   *
   * @throws NonFinite naming the first gradient that is not finite
   */
  @Override
  public void beforeUpdate(Map<Parameter, Tensor> gradients, double norm) {
    if (!Double.isFinite(norm)) {
      throw NonFinite.gradient(norm, gradients, model, trainables);
    }
    lossScale.good();
    state.skippedInARow = 0;
  }

  /**
   * Leaves a step out.
   *
   * @throws LorikeetException when the run is to stop
   */
  @Override
  public void skipped(LorikeetException found) {
    if (lossScale.bad()) {
      return;
    }
    String message = "step " + (state.step + 1) + ": " + found.getMessage();
    if (config.onNan() == NonFiniteConfig.OnNan.STOP) {
      throw new LorikeetException(message, found);
    }
    state.skipped++;
    state.skippedInARow++;
    if (state.skippedInARow >= config.maxInARow()) {
      throw new LorikeetException(
          message
              + " ("
              + state.skippedInARow
              + " steps in a row, and max_nan_steps is "
              + config.maxInARow()
              + ")",
          found);
    }
    listener.remarked(message + "; the step is left out, the " + state.skipped + ". so far");
  }

  @Override
  public void afterStep(FinishedStep step) {
    state.lossScale = lossScale.scale();
    state.goodSteps = lossScale.goodSteps();
  }
}
