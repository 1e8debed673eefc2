package dev.lorikeet.training;

import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Draft;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How the learning rate changes over a run. A schedule has the settings of {@link Schedule#keys};
 * the others stay 0.
 */
@Setting.Group("Training")
public record ScheduleConfig(
    @Setting("How the learning rate goes on from its peak.") Schedule schedule,
    @Setting(
            value = "The share of steps in which it first rises from zero.",
            label = "SHARE",
            insteadOf = "warmup_steps")
        @Setting.Range(atLeast = 0, below = 1)
        double warmupRatio,
    @Setting(
            value = "The number of these steps, instead of their share.",
            insteadOf = "warmup_ratio")
        @Setting.Range(atLeast = 0)
        @Nullable Integer warmupSteps,
    @Setting(value = "Waves of the cosine; of restarts, half waves.", flag = Setting.NO_FLAG)
        @Setting.Range(above = 0)
        double numCycles,
    @Setting(
            value = "Where it ends, as a share of its peak; on a plateau, the run ends below it.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double minLrRatio,
    @Setting(value = "The power of what is left of the steps.", flag = Setting.NO_FLAG)
        @Setting.Range(above = 0)
        double power,
    @Setting(value = "Where the polynomial ends.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0)
        double lrEnd,
    @Setting(
            value = "Steps in which the inverse square root falls to 1/√2; 0 for the warm-up's.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0)
        int timescale,
    @Setting(value = "What the rate is multiplied by on a plateau.", flag = Setting.NO_FLAG)
        @Setting.Range(above = 0, below = 1)
        double factor,
    @Setting(
            value = "How many evaluations may be no better before the rate is reduced.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0)
        int patience,
    @Setting(value = "By what share an evaluation must be better to count.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double threshold,
    @Setting(
            value = "Steps of the decay after the stable ones; 0 for a tenth of all.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0)
        int numDecaySteps,
    @Setting(value = "The share of steps in which one cycle rises.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double pctStart,
    @Setting(value = "One cycle begins at the peak divided by this.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 1)
        double divFactor,
    @Setting(value = "One cycle ends at its beginning divided by this.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 1)
        double finalDivFactor) {
  /** Linear, after a warm-up of 6 % of the steps. */
  public static final ScheduleConfig DEFAULT = of(Schedule.LINEAR);

  public ScheduleConfig {
    Bounds.check(
        ScheduleConfig.class,
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
    if (warmupSteps != null && warmupRatio != 0) {
      throw new UsageException(
          ("warmup_steps is " + warmupSteps + " and warmup_ratio " + warmupRatio)
              + ": give one of them");
    }
  }

  /** A schedule with its defaults but for the share of its warm-up. */
  public static ScheduleConfig of(Schedule schedule, double warmupRatio) {
    return of(schedule).with(draft -> draft.warmupRatio = warmupRatio);
  }

  /** A schedule with the defaults of transformers and torch; a warm-up of 6 % where it has one. */
  public static ScheduleConfig of(Schedule schedule) {
    return Binder.defaults(ScheduleConfig.class, schedule);
  }

  /** The same settings but for what {@code change} sets. */
  public ScheduleConfig with(Consumer<Change> change) {
    return Draft.changed(new Change(this), change);
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

  /** Settings on their way to others. */
  @SuppressWarnings("NullAway.Init")
  public static final class Change extends Draft<ScheduleConfig> {
    public Schedule schedule;
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

    private Change(ScheduleConfig config) {
      super(config);
    }
  }
}
