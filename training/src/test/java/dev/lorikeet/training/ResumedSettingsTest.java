package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.training.SavedRuns.Outcome;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every setting whose arithmetic looks back at earlier steps survives an interruption. */
class ResumedSettingsTest {
  /** Nine steps of two batches in three epochs, an evaluation after each epoch. */
  private static final TrainingConfig CONFIG =
      ResumeTest.CONFIG.with(draft -> draft.evaluation = EvaluationConfig.DEFAULT);

  static Stream<Named<Consumer<TrainingConfig.Draft>>> settings() {
    return Stream.of(
        setting(
            "a plateau",
            draft ->
                draft.schedule =
                    ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU)
                        .with(
                            schedule -> {
                              schedule.patience = 0;
                              schedule.threshold = 10; // no epoch is so much better
                              schedule.factor = 0.5;
                            })),
        setting(
            "restarts",
            draft ->
                draft.schedule =
                    ScheduleConfig.of(Schedule.COSINE_WITH_RESTARTS)
                        .with(schedule -> schedule.numCycles = 3)),
        setting("one cycle", draft -> draft.schedule = ScheduleConfig.of(Schedule.ONE_CYCLE)),
        setting("a moving average", draft -> average(draft, new AveragingConfig(0.9, true, 0))),
        setting("a mean of epochs", draft -> average(draft, new AveragingConfig(0, false, 2))),
        setting(
            "thawing by steps", draft -> draft.freeze = new FreezeConfig(0, false, false, 0, 2)),
        setting(
            "thawing by epochs",
            draft -> {
              draft.freeze = new FreezeConfig(0, false, false, 1, 0);
              draft.epochs = 5;
            }),
        setting("three batches a step", draft -> draft.gradientAccumulation = 3),
        setting(
            "small passes",
            draft -> {
              draft.batchSize = 8;
              draft.maxTokensPerPass = 24;
            }),
        optimizer(OptimizerType.SGD, optimizer -> optimizer.momentum = 0.9),
        optimizer(OptimizerType.ADAM, optimizer -> {}),
        optimizer(OptimizerType.RMSPROP, optimizer -> optimizer.centered = true),
        optimizer(OptimizerType.ADAGRAD, optimizer -> {}),
        optimizer(OptimizerType.ADAFACTOR, optimizer -> optimizer.beta1 = 0.9),
        optimizer(OptimizerType.LION, optimizer -> {}),
        setting(
            "noise and mixout",
            draft -> {
              RegularizationConfig none = RegularizationConfig.NONE;
              draft.regularization =
                  new RegularizationConfig(
                      0,
                      none.classWeights(),
                      0,
                      5,
                      0.1,
                      none.averaging(),
                      none.dropouts(),
                      none.augmentation());
            }));
  }

  private static Named<Consumer<TrainingConfig.Draft>> setting(
      String name, Consumer<TrainingConfig.Draft> change) {
    return Named.of(name, change);
  }

  private static Named<Consumer<TrainingConfig.Draft>> optimizer(
      OptimizerType type, Consumer<OptimizerConfig.Draft> change) {
    return setting(type.id(), draft -> draft.optimizer = OptimizerConfig.of(type).with(change));
  }

  private static void average(TrainingConfig.Draft draft, AveragingConfig averaging) {
    draft.regularization = draft.regularization.withAveraging(averaging);
  }

  @ParameterizedTest
  @MethodSource("settings")
  void aRunGoesOnToTheSameBytes(Consumer<TrainingConfig.Draft> change, @TempDir Path temporary) {
    SavedRuns runs = new SavedRuns(temporary);
    TrainingConfig config = CONFIG.with(change);
    Outcome whole = runs.trained(config);
    for (long step = whole.result().steps() - 1; step > 0; step -= 3) {
      runs.cutAfter(step);
      runs.resumed(config).assertSame(whole);
    }
    Checkpoints.in(runs.checkpoints).deleteAll();
    assertThat(runs.trained(CONFIG).checksums())
        .as("without the setting")
        .isNotEqualTo(whole.checksums());
  }
}
