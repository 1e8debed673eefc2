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
final class StepGuard {
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

  /**
   * Checks gradients by their norm; only where it is not finite they are searched.
   *
   * @return the norm
   * @throws NonFinite naming the first gradient that is not finite
   */
  double check(Map<Parameter, Tensor> gradients, Tensor norm) {
    double value = norm.item();
    if (!Double.isFinite(value)) {
      throw NonFinite.gradient(value, gradients, model, trainables);
    }
    lossScale.good();
    state.skippedInARow = 0;
    return value;
  }

  /**
   * Leaves a step out.
   *
   * @param step from 1
   * @throws LorikeetException when the run is to stop
   */
  void skip(NonFinite found, long step) {
    if (lossScale.bad()) {
      return;
    }
    String message = "step " + step + ": " + found.getMessage();
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
}
