package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How the learning rate goes from its peak to the end of training, after a linear warm-up. */
public enum Schedule {
  /** Down to zero in a straight line. */
  LINEAR {
    @Override
    double decay(double progress) {
      return 1 - progress;
    }
  },
  /** Down to zero along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, one cycle). */
  COSINE {
    @Override
    double decay(double progress) {
      return 0.5 * (1 + Math.cos(Math.PI * progress));
    }
  },
  /** Unchanged. */
  CONSTANT {
    @Override
    double decay(double progress) {
      return 1;
    }
  };

  /** The factor after the warm-up, {@code progress} in [0, 1] of the steps that are left then. */
  abstract double decay(double progress);

  /**
   * The factor of the learning rate at a step: transformers' schedules.
   *
   * @param step from 0 to {@code total} − 1
   * @param warmup the number of steps of the warm-up
   */
  public double factor(long step, long warmup, long total) {
    if (step < warmup) {
      return (double) step / warmup;
    }
    return decay((double) (step - warmup) / Math.max(1, total - warmup));
  }

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The schedule called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Schedule of(String id) {
    return Arrays.stream(values())
        .filter(schedule -> schedule.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown schedule \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(Schedule::id)
                            .collect(Collectors.joining(", "))));
  }
}
