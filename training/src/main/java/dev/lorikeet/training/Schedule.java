package dev.lorikeet.training;

import dev.lorikeet.models.settings.Kind;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How the learning rate goes from its peak to the end of training, after a linear warm-up: the
 * schedules of transformers, by the names of its {@code lr_scheduler_type}, and torch's one-cycle
 * policy.
 */
public enum Schedule implements Kind<ScheduleConfig> {
  /** Down to zero in a straight line. */
  LINEAR("warmup_ratio=0.06 warmup_steps") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return 1 - steps.progress();
    }
  },
  /** Down to zero along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, one cycle). */
  COSINE("warmup_ratio=0.06 warmup_steps num_cycles=0.5") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return cosine(2 * config.numCycles() * steps.progress());
    }
  },
  /** Down to zero along half a cosine, and up again at once (the same paper, with restarts). */
  COSINE_WITH_RESTARTS("warmup_ratio=0.06 warmup_steps num_cycles=1") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return cosine(config.numCycles() * steps.progress() % 1);
    }
  },
  /** A cosine that ends at a share of the peak. */
  COSINE_WITH_MIN_LR("warmup_ratio=0.06 warmup_steps num_cycles=0.5 min_lr_ratio=0.1") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return between(config.minLrRatio(), cosine(2 * config.numCycles() * steps.progress()));
    }
  },
  /** Down to {@code lr_end} along a power of what is left. */
  POLYNOMIAL("warmup_ratio=0.06 warmup_steps power=1 lr_end=1e-7") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      double end = config.lrEnd() / peak;
      return (1 - end) * Math.pow(1 - steps.progress(), config.power()) + end;
    }
  },
  /** Unchanged from the first step on. */
  CONSTANT("") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return 1;
    }
  },
  /** Unchanged after the warm-up. */
  CONSTANT_WITH_WARMUP("warmup_ratio=0.06 warmup_steps") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return 1;
    }
  },
  /** Down with the root of the steps; {@code timescale} 0 is the warm-up's steps, or 10,000. */
  INVERSE_SQRT("warmup_ratio=0.06 warmup_steps timescale") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      double otherwise = steps.warmup > 0 ? steps.warmup : 10_000;
      double scale = config.timescale() > 0 ? config.timescale() : otherwise;
      return 1 / Math.sqrt((steps.step + scale - steps.warmup) / scale);
    }
  },
  /** Down by a factor whenever evaluations stop getting better; {@link Plateau} keeps count. */
  REDUCE_LR_ON_PLATEAU("factor=0.1 patience=10 threshold=1e-4 min_lr_ratio") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      return 1;
    }
  },
  /** Up and down once, along cosines (Smith and Topin 2018, arXiv:1708.07120). */
  ONE_CYCLE("pct_start=0.3 div_factor=25 final_div_factor=1e4") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      double start = 1 / config.divFactor();
      double top = config.pctStart() * steps.total - 1;
      if (top > 0 && steps.step <= top) {
        return between(start, cosine(1 - steps.step / top));
      }
      double from = Math.max(0, top);
      double progress = (steps.step - from) / Math.max(1e-9, steps.total - 1 - from);
      return between(start / config.finalDivFactor(), cosine(progress));
    }
  },
  /** Unchanged, until it falls along half a cosine in the last steps (arXiv:2404.06395, §4). */
  WARMUP_STABLE_DECAY("warmup_ratio=0.06 warmup_steps num_decay_steps min_lr_ratio") {
    @Override
    double decay(ScheduleConfig config, Steps steps, double peak) {
      long last = Math.min(config.decaySteps(steps.total), steps.total - steps.warmup);
      long start = steps.total - last;
      return steps.step < start
          ? 1
          : between(config.minLrRatio(), cosine((double) (steps.step - start) / last));
    }
  };

  private final String settings;

  Schedule(String settings) {
    this.settings = settings;
  }

  /** Where a run is. */
  record Steps(long step, long warmup, long total) {
    /** The share that is done of the steps after the warm-up. */
    double progress() {
      return (double) (step - warmup) / Math.max(1, total - warmup);
    }
  }

  /** From 1 at 0 to 0 at 1. */
  private static double cosine(double progress) {
    return 0.5 * (1 + Math.cos(Math.PI * progress));
  }

  private static double between(double least, double factor) {
    return factor * (1 - least) + least;
  }

  /** The factor after the warm-up. */
  abstract double decay(ScheduleConfig config, Steps steps, double peak);

  @Override
  public String settings() {
    return settings;
  }

  @Override
  public ScheduleConfig defaults() {
    return ScheduleConfig.of(this);
  }

  @Override
  public String insteadOf(String key) {
    return this == CONSTANT && key.startsWith("warmup")
        ? "use " + CONSTANT_WITH_WARMUP.id()
        : Kind.super.insteadOf(key);
  }

  @Override
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
