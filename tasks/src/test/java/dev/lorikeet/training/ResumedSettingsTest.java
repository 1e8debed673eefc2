package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.training.SavedRuns.Outcome;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every setting whose arithmetic looks back at earlier steps survives an interruption. */
class ResumedSettingsTest {
  /** Nine steps of two batches in three epochs; saved after each third, and the last kept. */
  private static final TrainingConfig CONFIG =
      ResumeTest.CONFIG.with(
          draft -> {
            draft.evaluation = new EvaluationConfig(false);
            draft.checkpoint = new CheckpointConfig(IntervalStrategy.STEPS, 1 / 3.0, 0);
          });

  private static List<Integer> plain = List.of();

  static Stream<Named<Consumer<TrainingConfig.Change>>> settings() {
    return Stream.of(
        setting(
            "a plateau",
            draft ->
                draft.schedule =
                    ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU)
                        .with(
                            schedule -> {
                              schedule.patience = 0;
                              schedule.threshold = 0.9; // no epoch is so much better
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

  private static Named<Consumer<TrainingConfig.Change>> setting(
      String name, Consumer<TrainingConfig.Change> change) {
    return Named.of(name, change);
  }

  private static Named<Consumer<TrainingConfig.Change>> optimizer(
      OptimizerType type, Consumer<OptimizerConfig.Change> change) {
    return setting(type.id(), draft -> draft.optimizer = OptimizerConfig.of(type).with(change));
  }

  private static void average(TrainingConfig.Change draft, AveragingConfig averaging) {
    draft.regularization = draft.regularization.withAveraging(averaging);
  }

  @BeforeAll
  static void trainWithoutSettings(@TempDir Path temporary) {
    plain = new SavedRuns(temporary).trained(CONFIG).checksums();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void aRunGoesOnToTheSameBytes(Consumer<TrainingConfig.Change> change, @TempDir Path temporary) {
    SavedRuns runs = new SavedRuns(temporary);
    TrainingConfig config = CONFIG.with(change);
    Outcome whole = runs.trained(config);
    assertThat(whole.checksums()).as("the setting matters").isNotEqualTo(plain);
    long third = whole.result().steps() / 3;
    for (long step : new long[] {2 * third, third}) {
      runs.cutAfter(step);
      runs.resumed(config).assertSame(whole);
    }
  }
}
