package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How the learning rate changes over a run. A schedule has the settings of {@link Schedule#keys};
 * the others stay 0.
 *
 * @param schedule how the rate goes on from its peak
 * @param warmupRatio the share of steps in which it first rises from zero
 * @param warmupSteps the number of these steps, instead of their share; null for the share
 * @param numCycles waves of the cosine; of restarts, half waves
 * @param minLrRatio where the rate ends, as a share of its peak; on a plateau, the run ends when
 *     the rate falls below it
 * @param power of the polynomial
 * @param lrEnd where the polynomial ends
 * @param timescale the steps in which the inverse square root falls to 1/√2; 0 for the warm-up's
 * @param factor of the rate on a plateau
 * @param patience how many evaluations may be no better before the rate is reduced
 * @param threshold by what share an evaluation must be better to count
 * @param numDecaySteps the steps of the decay after the stable ones; 0 for a tenth of all
 * @param pctStart the share of steps in which one cycle rises
 * @param divFactor one cycle begins at the peak divided by this
 * @param finalDivFactor and ends at its beginning divided by this
 */
public record ScheduleConfig(
    Schedule schedule,
    double warmupRatio,
    @Nullable Integer warmupSteps,
    double numCycles,
    double minLrRatio,
    double power,
    double lrEnd,
    int timescale,
    double factor,
    int patience,
    double threshold,
    int numDecaySteps,
    double pctStart,
    double divFactor,
    double finalDivFactor) {
  private static final double WARMUP_RATIO = 0.06;

  /** Linear, after a warm-up of 6 % of the steps. */
  public static final ScheduleConfig DEFAULT = of(Schedule.LINEAR);

  public ScheduleConfig {
    setting(
        schedule, "warmup_ratio", warmupRatio, within(warmupRatio, 0, 1), "at least 0 and below 1");
    int steps = warmupSteps == null ? 0 : warmupSteps;
    setting(schedule, "warmup_steps", steps, steps >= 0, "at least 0");
    if (warmupSteps != null && warmupRatio != 0) {
      throw new UsageException(
          "warmup_steps is "
              + warmupSteps
              + " and warmup_ratio "
              + warmupRatio
              + ": give one of them");
    }
    setting(schedule, "num_cycles", numCycles, numCycles > 0, "above 0");
    setting(
        schedule, "min_lr_ratio", minLrRatio, within(minLrRatio, 0, 1), "at least 0 and below 1");
    setting(schedule, "power", power, power > 0, "above 0");
    setting(schedule, "lr_end", lrEnd, lrEnd >= 0, "at least 0");
    setting(schedule, "timescale", timescale, timescale >= 0, "at least 0");
    setting(schedule, "factor", factor, factor > 0 && factor < 1, "above 0 and below 1");
    setting(schedule, "patience", patience, patience >= 0, "at least 0");
    setting(schedule, "threshold", threshold, within(threshold, 0, 1), "at least 0 and below 1");
    setting(schedule, "num_decay_steps", numDecaySteps, numDecaySteps >= 0, "at least 0");
    setting(schedule, "pct_start", pctStart, within(pctStart, 0, 1), "at least 0 and below 1");
    setting(schedule, "div_factor", divFactor, divFactor >= 1, "at least 1");
    setting(schedule, "final_div_factor", finalDivFactor, finalDivFactor >= 1, "at least 1");
  }

  /** A schedule with its defaults but for the share of its warm-up. */
  public ScheduleConfig(Schedule schedule, double warmupRatio) {
    this(of(schedule), warmupRatio);
  }

  private ScheduleConfig(ScheduleConfig other, double warmupRatio) {
    this(
        other.schedule,
        warmupRatio,
        null,
        other.numCycles,
        other.minLrRatio,
        other.power,
        other.lrEnd,
        other.timescale,
        other.factor,
        other.patience,
        other.threshold,
        other.numDecaySteps,
        other.pctStart,
        other.divFactor,
        other.finalDivFactor);
  }

  private static boolean within(double value, double least, double bound) {
    return value >= least && value < bound;
  }

  private static void setting(
      Schedule schedule, String key, double value, boolean good, String range) {
    if (schedule.keys().contains(key)) {
      if (!good) {
        throw new UsageException(key + " is " + value + ": it must be " + range);
      }
    } else if (value != 0) {
      throw new UsageException(
          key
              + " is no setting of schedule "
              + schedule.id()
              + (key.startsWith("warmup") && schedule == Schedule.CONSTANT
                  ? ": use " + Schedule.CONSTANT_WITH_WARMUP.id()
                  : ": it has " + String.join(", ", schedule.keys())));
    }
  }

  /** A schedule with the defaults of transformers and torch; a warm-up of 6 % where it has one. */
  public static ScheduleConfig of(Schedule schedule) {
    Draft draft = new Draft(schedule);
    switch (schedule) {
      case COSINE -> draft.numCycles = 0.5;
      case COSINE_WITH_RESTARTS -> draft.numCycles = 1;
      case COSINE_WITH_MIN_LR -> {
        draft.numCycles = 0.5;
        draft.minLrRatio = 0.1;
      }
      case POLYNOMIAL -> {
        draft.power = 1;
        draft.lrEnd = 1e-7;
      }
      case REDUCE_LR_ON_PLATEAU -> {
        draft.factor = 0.1;
        draft.patience = 10;
        draft.threshold = 1e-4;
      }
      case ONE_CYCLE -> {
        draft.pctStart = 0.3;
        draft.divFactor = 25;
        draft.finalDivFactor = 1e4;
      }
      case LINEAR, CONSTANT, CONSTANT_WITH_WARMUP, INVERSE_SQRT, WARMUP_STABLE_DECAY -> {}
    }
    return draft.finish();
  }

  /** The same settings but for what {@code change} sets. */
  public ScheduleConfig with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** The steps of the warm-up: at least the last step has a learning rate above zero. */
  long warmupSteps(long totalSteps) {
    double steps = warmupSteps == null ? Math.ceil(totalSteps * warmupRatio) : warmupSteps;
    return Math.min(totalSteps - 1, (long) steps);
  }

  long decaySteps(long totalSteps) {
    return numDecaySteps > 0 ? numDecaySteps : (totalSteps + 9) / 10;
  }

  /**
   * The factor of the learning rate at a step.
   *
   * @param step from 0 to {@code totalSteps} − 1
   * @param peak the rate that it is a factor of
   */
  public double factor(long step, long totalSteps, double peak) {
    long warmup = warmupSteps(totalSteps);
    if (step < warmup) {
      double risen = (double) step / warmup;
      // As in transformers, this schedule's warm-up begins where its decay ends.
      boolean fromLeast = schedule == Schedule.WARMUP_STABLE_DECAY;
      return fromLeast ? risen * (1 - minLrRatio) + minLrRatio : risen;
    }
    return schedule.decay(this, new Schedule.Steps(step, warmup, totalSteps), peak);
  }

  /** Settings on their way to others; each field is the component of its name. */
  public static final class Draft {
    private final Schedule schedule;
    public double warmupRatio;
    public @Nullable Integer warmupSteps;
    public double numCycles;
    public double minLrRatio;
    public double power;
    public double lrEnd;
    public int timescale;
    public double factor;
    public int patience;
    public double threshold;
    public int numDecaySteps;
    public double pctStart;
    public double divFactor;
    public double finalDivFactor;

    private Draft(Schedule schedule) {
      this.schedule = schedule;
      warmupRatio = schedule.warmsUp() ? WARMUP_RATIO : 0;
    }

    private Draft(ScheduleConfig config) {
      schedule = config.schedule;
      warmupRatio = config.warmupRatio;
      warmupSteps = config.warmupSteps;
      numCycles = config.numCycles;
      minLrRatio = config.minLrRatio;
      power = config.power;
      lrEnd = config.lrEnd;
      timescale = config.timescale;
      factor = config.factor;
      patience = config.patience;
      threshold = config.threshold;
      numDecaySteps = config.numDecaySteps;
      pctStart = config.pctStart;
      divFactor = config.divFactor;
      finalDivFactor = config.finalDivFactor;
    }

    private ScheduleConfig finish() {
      return new ScheduleConfig(
          schedule,
          warmupRatio,
          warmupSteps,
          numCycles,
          minLrRatio,
          power,
          lrEnd,
          timescale,
          factor,
          patience,
          threshold,
          numDecaySteps,
          pctStart,
          divFactor,
          finalDivFactor);
    }
  }
}
