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
  private final TrainingListener listener;
  private long skipped;
  private int inARow;

  StepGuard(
      Model model,
      List<Trainable> trainables,
      NonFiniteConfig config,
      LossScale lossScale,
      TrainingListener listener) {
    this.model = model;
    this.trainables = trainables;
    this.config = config;
    this.lossScale = lossScale;
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
    inARow = 0;
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
    skipped++;
    inARow++;
    if (inARow >= config.maxInARow()) {
      throw new LorikeetException(
          message
              + " ("
              + inARow
              + " steps in a row, and max_nan_steps is "
              + config.maxInARow()
              + ")",
          found);
    }
    listener.remarked(message + "; the step is left out, the " + skipped + ". so far");
  }

  /** How many steps were left out by {@code on_nan: skip}. */
  long skipped() {
    return skipped;
  }
}
