package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.List;
import java.util.Map;

/**
 * Multiplies the loss so that small gradients do not vanish in float16, and the gradients back
 * (Micikevicius et al. 2018, arXiv:1710.03740, §3.2), by the arithmetic of torch.amp.GradScaler: a
 * step with infinite or NaN gradients is left out and halves the scale, and 2000 good steps in a
 * row double it. In other types the scale is 1 and stays so.
 */
final class LossScale {
  private static final double START = 65536;
  private static final double GROWTH = 2;
  private static final double BACKOFF = 0.5;
  private static final int GROWTH_INTERVAL = 2000;

  /** Where smaller scales help no more: the scaled loss is then no larger than the loss. */
  private static final double LEAST = 1;

  private final boolean dynamic;
  private double scale;
  private int goodSteps;

  private LossScale(boolean dynamic) {
    this.dynamic = dynamic;
    scale = dynamic ? START : 1;
  }

  /** The scale for a model that computes in {@code type}. */
  static LossScale of(DType type) {
    return new LossScale(type == DType.FLOAT16);
  }

  /** What the loss is multiplied by now. */
  double scale() {
    return scale;
  }

  /** Steps without overflow since the scale changed. */
  int goodSteps() {
    return goodSteps;
  }

  /** Goes on from where a run was left. */
  void restore(double oldScale, int oldGoodSteps) {
    scale = oldScale;
    goodSteps = oldGoodSteps;
  }

  /** Gives gradients of the scaled loss the size of those of the loss. */
  void unscale(Map<Parameter, Tensor> gradients) {
    if (dynamic) {
      Updates.scaleInPlace(List.copyOf(gradients.values()), 1 / scale);
    }
  }

  /** A step was taken. */
  void good() {
    goodSteps++;
    if (dynamic && goodSteps == GROWTH_INTERVAL) {
      scale *= GROWTH;
      goodSteps = 0;
    }
  }

  /**
   * A step's loss or gradients were not finite.
   *
   * @return whether the scale explains it and is now smaller; not so in other types, and at the
   *     least scale
   */
  boolean bad() {
    goodSteps = 0;
    if (!dynamic || scale * BACKOFF < LEAST) {
      return false;
    }
    scale *= BACKOFF;
    return true;
  }
}
