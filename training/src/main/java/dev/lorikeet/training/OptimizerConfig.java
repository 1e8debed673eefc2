package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.List;

/**
 * How gradients become steps.
 *
 * @param beta1 the decay of the gradients' mean
 * @param beta2 the decay of their squares' mean
 * @param eps what is added to the root of the squares' mean
 */
public record OptimizerConfig(double beta1, double beta2, double eps) {
  /** AdamW as torch has it. */
  public static final OptimizerConfig DEFAULT = new OptimizerConfig(0.9, 0.999, 1e-8);

  public OptimizerConfig {
    below1("beta1", beta1);
    below1("beta2", beta2);
    if (!(eps > 0)) {
      throw new UsageException("eps is " + eps + ": it must be above 0");
    }
  }

  private static void below1(String key, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new UsageException(key + " is " + value + ": it must be at least 0 and below 1");
    }
  }

  /** The optimizer, with nothing remembered yet. */
  Optimizer make(List<ParameterGroup> groups) {
    return new AdamW(groups, beta1, beta2, eps);
  }
}
