package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs on checkpoints of two layers. */
class TrainerTest {
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

  private static TrainingResult train(
      Model model,
      List<EncodedExample> data,
      List<EncodedExample> evaluation,
      TrainingConfig config) {
    return new Trainer(
            model,
            Tasks.of(model),
            Trainable.allOf(model),
            TrainingData.of(data),
            evaluation,
            PAD,
            config,
            TrainingListener.SILENT)
        .run();
  }

  // ---- it learns ----

  private static Map<String, List<EncodedExample>> dataOfEveryTask() {
    return Map.of(
        TinyBert.CLASSIFY, TinyBert.classified(48, 3, 12, 1),
        TinyBert.TAG, TinyBert.tagged(48, 3, 12, 1),
        TinyBert.MLM, TinyBert.tagged(48, 3, 12, 1),
        TinyBert.MULTI_LABEL, TinyBert.labelled(48, 3, 12, 1),
        TinyBert.REGRESS, TinyBert.measured(48, 3, 12, 1));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        TinyBert.CLASSIFY,
        TinyBert.TAG,
        TinyBert.MLM,
        TinyBert.MULTI_LABEL,
        TinyBert.REGRESS
      })
  void theLossGoesDown(String name) {
    List<EncodedExample> data = Objects.requireNonNull(dataOfEveryTask().get(name));
    try (Model model = TinyBert.open(name)) {
      Evaluation before = new Evaluator(model, Tasks.of(model), 8, PAD).evaluate(data);
      TrainingResult result = train(model, data, data, CONFIG);
      Evaluation after = Objects.requireNonNull(result.evaluation());
      assertThat(after.loss()).isLessThan(0.9 * before.loss());
      assertThat(result.epochs())
          .extracting(EpochReport::trainLoss)
          .isSortedAccordingTo((first, second) -> Double.compare(second, first));
    }
  }

  @Test
  void textsThatTellTheirClassAreLearntAndTextsNotSeenAreRecognised() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<EncodedExample> data = TinyBert.classified(96, 3, 12, 1);
      List<EncodedExample> unseen = TinyBert.classified(48, 3, 12, 2);
      TrainingResult result = train(model, data, unseen, CONFIG.withEpochs(5));
      assertThat(Objects.requireNonNull(result.evaluation()).score()).isGreaterThan(0.95);
    }
  }

  // ---- it repeats ----

  @TempDir private Path copy;

  /** The bytes of a model after a run with dropout, clipping and padding. */
  private Map<String, byte[]> trainedBytes(long seed) {
    try (Model model = Model.open(TinyBert.withDropout(copy), ModelOptions.DEFAULT)) {
      train(model, TinyBert.classified(20, 3, 12, 1), List.of(), CONFIG.withSeed(seed));
      return TinyBert.bytes(model);
    }
  }

  @Test
  void theSameSeedGivesTheSameBytes() {
    Map<String, byte[]> first = trainedBytes(1);
    assertThat(trainedBytes(1)).allSatisfy((name, b) -> assertThat(b).isEqualTo(first.get(name)));
    assertThat(trainedBytes(2))
        .anySatisfy((name, b) -> assertThat(b).isNotEqualTo(first.get(name)));
  }

  // ---- accumulation ----

  /** Plain gradient descent: with ε = 1 and no means, AdamW's step is lr · g / (|g| + 1). */
  private static TrainingResult descend(
      Model model, List<EncodedExample> data, int batchSize, int accumulation) {
    TrainingConfig config =
        TrainingConfig.DEFAULT
            .withLr(0.1, List.of())
            .withEpochs(2)
            .withBatchSize(batchSize, accumulation)
            .with(
                draft -> {
                  draft.weightDecay = 0;
                  draft.maxGradNorm = 0;
                  draft.optimizer = new OptimizerConfig(0, 0, 1);
                  draft.schedule = ScheduleConfig.of(Schedule.CONSTANT, 0);
                  draft.evaluation = new EvaluationConfig(false);
                });
    // Softmax does not see what is added to all scores alike: a key's bias has no gradient.
    List<Trainable> trainables =
        Trainable.allOf(model).stream().filter(t -> !t.name().endsWith("key.bias")).toList();
    TrainingData examples = TrainingData.of(data);
    return new Trainer(
            model,
            Tasks.of(model),
            trainables,
            examples,
            List.of(),
            PAD,
            config,
            TrainingListener.SILENT)
        .run();
  }

  private static Map<String, float[]> descended(
      String name, List<EncodedExample> data, int batchSize, int accumulation) {
    try (Model model = TinyBert.open(name)) {
      descend(model, data, batchSize, accumulation);
      Map<String, float[]> values = new LinkedHashMap<>();
      model.stateDict().forEach((parameter, value) -> values.put(parameter, value.toFloats()));
      return values;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyBert.CLASSIFY, TinyBert.TAG, TinyBert.MLM, TinyBert.REGRESS})
  void accumulatedGradientsAreThoseOfTheFullBatch(String name) {
    // One step an epoch, so that the same examples are in it however they are cut into batches:
    // batches of different lengths and, where tokens are labelled, of different numbers of labels.
    List<EncodedExample> all = Objects.requireNonNull(dataOfEveryTask().get(name)).subList(0, 14);
    Map<String, float[]> full = descended(name, all, 14, 1);
    for (int batchSize : new int[] {1, 4, 7}) {
      Map<String, float[]> accumulated = descended(name, all, batchSize, 14);
      accumulated.forEach(
          (parameter, values) ->
              // Two steps of 0.1 along gradients near 1 that are summed in another order, a dozen
              // roundings of 6e-8 each.
              assertThat(values)
                  .as("%s, batches of %s", parameter, batchSize)
                  .containsExactly(full.get(parameter), within(1e-6f)));
    }
  }

  @Test
  void theEpochsLossIsTheMeanOverItsLabels() {
    List<EncodedExample> data = TinyBert.tagged(14, 3, 12, 1);
    try (Model model = TinyBert.open(TinyBert.TAG)) {
      Evaluation before = new Evaluator(model, Tasks.of(model), 14, PAD).evaluate(data);
      // The first step is taken on the whole data set, before anything has changed.
      TrainingResult result = descend(model, data, 14, 1);
      // One sum in float32 of some hundred terms near 1.6.
      assertThat(result.epochs().get(0).trainLoss()).isCloseTo(before.loss(), within(1e-5));
    }
  }
}
