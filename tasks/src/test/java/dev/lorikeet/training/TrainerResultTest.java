package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a run leaves behind and reports. */
class TrainerResultTest {
  private static final int PAD = 0;
  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT.withLr(3e-3, List.of()).withEpochs(3).withBatchSize(8, 1);

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  // ---- the best epoch ----

  /** Right labels in the first epoch, wrong ones later. */
  private static List<EncodedExample> spoilt(int epoch) {
    return epoch == 1 ? TinyBert.classified(48, 3, 12, 1) : TinyBert.misclassified(48, 3, 12, 1);
  }

  private static TrainingConfig keepingBest(boolean keep) {
    return TrainingConfig.DEFAULT
        .withLr(1e-2, List.of())
        .withBatchSize(8, 1)
        .with(
            draft -> {
              draft.weightDecay = 0;
              draft.schedule = ScheduleConfig.of(Schedule.CONSTANT, 0);
              draft.evaluation = new EvaluationConfig(keep);
            });
  }

  /** The model's bytes after each epoch, and then after the run. */
  private static List<Map<String, byte[]>> epochs(boolean keepBest, int expectedBest) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Map<String, byte[]>> bytes = new ArrayList<>();
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void epochEnded(EpochReport report) {
              bytes.add(TinyBert.bytes(model));
            }
          };
      TrainingResult result =
          new Trainer(
                  model,
                  Tasks.of(model),
                  Trainable.allOf(model),
                  TrainerResultTest::spoilt,
                  spoilt(1),
                  PAD,
                  keepingBest(keepBest),
                  listener)
              .run();
      assertThat(result.bestEpoch()).isEqualTo(expectedBest);
      assertThat(result.evaluation()).isSameAs(result.epochs().get(expectedBest - 1).evaluation());
      bytes.add(TinyBert.bytes(model));
      return bytes;
    }
  }

  private static void assertSameBytes(Map<String, byte[]> actual, Map<String, byte[]> expected) {
    assertThat(actual).allSatisfy((name, b) -> assertThat(b).isEqualTo(expected.get(name)));
  }

  @Test
  void theBestEpochsParametersAreKept() {
    List<Map<String, byte[]>> bytes = epochs(true, 1);
    assertSameBytes(bytes.get(3), bytes.get(0));
  }

  @Test
  void theLastEpochsParametersAreKeptWhereSoAsked() {
    List<Map<String, byte[]>> bytes = epochs(false, 3);
    assertSameBytes(bytes.get(3), bytes.get(2));
  }

  // ---- what it reports ----

  @Test
  void theResultCountsStepsTokensPaddingAndParameters() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, DeltaAdapter.on("layer.0.attention.self.query"), 1);
      List<EncodedExample> data = TinyBert.classified(21, 3, 12, 1);
      List<TrainingListener.Progress> progress = new ArrayList<>();
      List<Long> started = new ArrayList<>();
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void started(List<ParameterGroup> groups, long totalSteps) {
              started.add(totalSteps);
            }

            @Override
            public void progressed(Progress now) {
              progress.add(now);
            }
          };
      TrainingResult result =
          new Trainer(
                  model,
                  Tasks.of(model),
                  Trainable.of(adapter),
                  TrainingData.of(data),
                  List.of(),
                  PAD,
                  CONFIG.withEpochs(2).withBatchSize(4, 2),
                  listener)
              .run();
      // 21 examples make 6 batches, and those 3 steps an epoch.
      assertThat(result.steps()).isEqualTo(6);
      assertThat(started).containsExactly(6L);
      assertThat(progress)
          .extracting(TrainingListener.Progress::step)
          .containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
      assertThat(progress)
          .extracting(TrainingListener.Progress::epoch)
          .containsExactly(1, 1, 1, 2, 2, 2);
      assertThat(progress)
          .allMatch(now -> now.totalSteps() == 6 && now.loss() > 0 && now.tokensPerSecond() > 0);
      assertThat(progress.get(5).secondsLeft()).isZero();
      int tokens = data.stream().mapToInt(EncodedExample::length).sum();
      assertThat(result.tokens()).isEqualTo(2L * tokens);
      assertThat(result.paddingRatio()).isBetween(0.0, 0.3);
      assertThat(result.trainableParameters()).isEqualTo(32 * 32 + 32 * 3 + 3);
      assertThat(result.totalParameters()).isEqualTo(20_643 + 32 * 32 + 32 * 3 + 3);
      assertThat(result.evaluation()).isNull();
      assertThat(result.bestEpoch()).isEqualTo(2);
      assertThat(result.tokensPerSecond()).isPositive();
    }
  }

  @Test
  void onlyTheTrainedParametersChange() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      new Trainer(
              model,
              Tasks.of(model),
              Trainable.headOf(model),
              TrainingData.of(TinyBert.classified(20, 3, 12, 1)),
              List.of(),
              PAD,
              CONFIG,
              TrainingListener.SILENT)
          .run();
      TinyBert.bytes(model)
          .forEach(
              (name, bytes) ->
                  assertThat(Arrays.equals(bytes, before.get(name)))
                      .as(name)
                      .isEqualTo(!name.startsWith("classifier")));
      assertThat(model.mode().isTraining()).isFalse();
    }
  }

  @Test
  void aRunFreesAllThatItMade() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      long before = Tensor.live();
      List<EncodedExample> data = TinyBert.classified(20, 3, 12, 1);
      new Trainer(
              model,
              Tasks.of(model),
              trainables,
              TrainingData.of(data),
              data,
              PAD,
              CONFIG.withBatchSize(4, 2),
              TrainingListener.SILENT)
          .run();
      assertThat(Tensor.live()).isEqualTo(before);
    }
  }
}
