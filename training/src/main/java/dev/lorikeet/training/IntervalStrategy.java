package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How often a run is evaluated or saved. */
public enum IntervalStrategy {
  /** Never. */
  NO,
  /** After every so many steps, and after the last. */
  STEPS,
  /** After each epoch. */
  EPOCH;

  /**
   * Whether it is time.
   *
   * @param every so many steps, or where it is below 1 this share of all
   * @param step the steps done
   * @param epochEnds whether the last of them ends an epoch, or the run
   */
  boolean isDue(double every, long step, long totalSteps, boolean epochEnds) {
    return switch (this) {
      case NO -> false;
      case EPOCH -> epochEnds;
      case STEPS ->
          step == totalSteps
              || step % (long) (every < 1 ? Math.ceil(every * totalSteps) : every) == 0;
    };
  }

  /**
   * Finds a number of steps that is none.
   *
   * @throws UsageException when {@code every} is not a whole number or a share below 1
   */
  static void check(String key, double every) {
    if (!(every > 0) || (every >= 1 && every != Math.rint(every))) {
      throw new UsageException(
          key + " is " + every + ": give a whole number of steps, or a share of all below 1");
    }
  }

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The strategy called {@code id}.
   *
   * @param key what it is a value of
   * @throws UsageException when there is none, listing those there are
   */
  public static IntervalStrategy of(String key, String id) {
    return Arrays.stream(values())
        .filter(strategy -> strategy.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    key
                        + " is \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(IntervalStrategy::id)
                            .collect(Collectors.joining(", "))));
  }
}
