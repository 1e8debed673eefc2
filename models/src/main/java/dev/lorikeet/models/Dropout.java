package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;

/**
 * Dropout with probability {@code p} while the model trains, nothing otherwise.
 *
 * @param p in [0, 1)
 * @param mode the model's mode
 */
public record Dropout(double p, Mode mode) {
  public Dropout {
    if (!(p >= 0 && p < 1)) {
      throw new UsageException("dropout is " + p + ": it must be at least 0 and below 1");
    }
  }

  /** The probability at the moment. */
  public double rate() {
    return mode.isTraining() ? p : 0;
  }

  public Tensor forward(Tensor x) {
    return Ops.dropout(x, rate());
  }
}
