package dev.lorikeet.cli;

import dev.lorikeet.compare.Regime;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.TrainingConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Two ways to train, after Flair's {@code fine_tune} and {@code train}: defaults under what a
 * recipe and flags say.
 */
enum Preset {
  /** A small rate, few epochs, down in a straight line after a warm-up of a tenth of the steps. */
  FINE_TUNE {
    @Override
    void set(TrainingConfig.Change draft, Regime regime) {
      draft.lr =
          switch (regime) {
            case FULL -> 5e-5;
            case ADAPTER, BITFIT, SCRATCH -> 5e-4;
            case PROBE -> 1e-3;
          };
      draft.epochs = 3;
      draft.schedule = ScheduleConfig.of(Schedule.LINEAR, 0.1);
    }
  },
  /**
   * A high rate, many epochs, half the rate whenever four epochs were no better, until it is a
   * thousandth of what it was: for probes and baselines.
   */
  TRAIN {
    @Override
    void set(TrainingConfig.Change draft, Regime regime) {
      draft.lr =
          switch (regime) {
            case FULL -> 1e-4;
            case ADAPTER, BITFIT, SCRATCH -> 1e-3;
            case PROBE -> 1e-2;
          };
      draft.epochs = 100;
      draft.schedule =
          ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU)
              .with(
                  schedule -> {
                    schedule.factor = 0.5;
                    schedule.patience = 3;
                    schedule.minLrRatio = 1e-3;
                  });
    }
  };

  abstract void set(TrainingConfig.Change draft, Regime regime);

  /** The name that users type. */
  String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The defaults of a preset.
   *
   * @param id null for none
   * @throws UsageException when there is none of that name, listing those there are
   */
  static TrainingConfig over(TrainingConfig defaults, @Nullable String id, Regime regime) {
    if (id == null) {
      return defaults;
    }
    List<Preset> all = Arrays.asList(values());
    Preset preset =
        all.stream()
            .filter(candidate -> candidate.id().equals(id))
            .findFirst()
            .orElseThrow(
                () ->
                    new UsageException(
                        "unknown preset \""
                            + id
                            + "\": use "
                            + all.stream().map(Preset::id).collect(Collectors.joining(", "))));
    return defaults.with(draft -> preset.set(draft, regime));
  }
}
