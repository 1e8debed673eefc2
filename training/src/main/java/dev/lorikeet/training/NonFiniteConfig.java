package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What becomes of a step whose loss or gradients are NaN or infinite.
 *
 * @param onNan whether the run stops or goes on without the step
 * @param maxInARow the run stops at so many such steps one after the other
 */
public record NonFiniteConfig(OnNan onNan, int maxInARow) {
  /** The run stops. */
  public static final NonFiniteConfig DEFAULT = new NonFiniteConfig(OnNan.STOP, 10);

  public NonFiniteConfig {
    if (maxInARow < 1) {
      throw new UsageException("max_nan_steps is " + maxInARow + ": it must be at least 1");
    }
  }

  /** Stop the run, or leave the step out: parameters and optimizer stay as they are. */
  public enum OnNan {
    STOP,
    SKIP;

    public String id() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * By what users type.
     *
     * @throws UsageException when it is none of them
     */
    public static OnNan of(String id) {
      List<String> ids = Arrays.stream(values()).map(OnNan::id).toList();
      if (!ids.contains(id)) {
        throw new UsageException("on_nan is \"" + id + "\": use stop or skip");
      }
      return values()[ids.indexOf(id)];
    }
  }
}
