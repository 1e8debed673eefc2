package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.metrics.TagScheme;
import org.jspecify.annotations.Nullable;

/**
 * How answers are scored.
 *
 * @param entityScheme how tags of words must spell out entities; null for any way
 * @param threshold of several labels an item those whose probability is above it are answered
 */
public record ScoringConfig(@Nullable TagScheme entityScheme, double threshold) {
  /** Entities spelt in any way; labels that are likelier than not. */
  public static final ScoringConfig DEFAULT = new ScoringConfig(null, 0.5);

  /**
   * Checks the threshold.
   *
   * @throws UsageException when it is no probability
   */
  public ScoringConfig {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new UsageException("threshold is " + threshold + ": use a probability, 0 to 1");
    }
  }
}
