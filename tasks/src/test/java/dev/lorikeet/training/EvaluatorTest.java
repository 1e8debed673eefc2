package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.TagScheme;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Predictions and scores over data sets whose batches are padded and not in the data's order. */
@Tag("numeric")
class EvaluatorTest {
  /** Logits near 1 in float32, computed in another order beside padding. */
  private static final float ANOTHER_ORDER = 1e-5f;

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

  private static float[] alone(Model model, EncodedExample example) {
    long[] ids = Arrays.stream(example.ids()).asLongStream().toArray();
    return model.logits(new ModelInput(Tensor.of(ids, 1, ids.length), null, null)).toFloats();
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyBert.CLASSIFY, TinyBert.TAG, TinyBert.MLM})
  void predictionsAreThoseOfEachExampleAloneInTheOrderOfTheData(String name) {
    List<EncodedExample> examples = TinyBert.classified(11, 1, 12, 3);
    try (Model model = TinyBert.open(name)) {
      model.training(true);
      float[][] logits = new Predictor(model, 4, 0).logits(examples);
      assertThat(model.mode().isTraining()).isFalse();
      for (int i = 0; i < examples.size(); i++) {
        assertThat(logits[i])
            .as("example %s", i)
            .containsExactly(alone(model, examples.get(i)), within(ANOTHER_ORDER));
      }
    }
  }

  private static Evaluation evaluate(String name, List<EncodedExample> examples, int batchSize) {
    try (Model model = TinyBert.open(name)) {
      return new Evaluator(model, Tasks.of(model), batchSize, 0).evaluate(examples);
    }
  }

  @Test
  void classesAreScoredByHand() {
    List<EncodedExample> examples = TinyBert.classified(20, 1, 12, 3);
    Evaluation evaluation = evaluate(TinyBert.CLASSIFY, examples, 8);
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      double loss = 0;
      int correct = 0;
      for (EncodedExample example : examples) {
        float[] logits = alone(model, example);
        int label = (int) example.classes()[0];
        double sum = Math.exp(logits[0]) + Math.exp(logits[1]) + Math.exp(logits[2]);
        loss -= Math.log(Math.exp(logits[label]) / sum);
        correct += logits[label] >= Math.max(logits[0], Math.max(logits[1], logits[2])) ? 1 : 0;
      }
      assertThat(evaluation.loss()).isCloseTo(loss / 20, within((double) ANOTHER_ORDER));
      assertThat(evaluation.metrics()).containsEntry("accuracy", correct / 20.0);
    }
    assertThat(evaluation.main()).isEqualTo("accuracy");
    assertThat(evaluation.score()).isEqualTo(evaluation.metrics().get("accuracy"));
    assertThat(evaluation.examples()).isEqualTo(20);
  }

  private static Map<String, List<EncodedExample>> dataOfEveryTask() {
    return Map.of(
        TinyBert.CLASSIFY, TinyBert.classified(10, 1, 9, 1),
        TinyBert.TAG, TinyBert.tagged(10, 1, 9, 1),
        TinyBert.MLM, TinyBert.tagged(10, 1, 9, 1),
        TinyBert.MULTI_LABEL, TinyBert.labelled(10, 1, 9, 1),
        TinyBert.REGRESS, TinyBert.measured(10, 1, 9, 1));
  }

  @Test
  void theSizeOfBatchesChangesNothing() {
    dataOfEveryTask()
        .forEach(
            (name, examples) -> {
              Evaluation one = evaluate(name, examples, 1);
              Evaluation all = evaluate(name, examples, 10);
              assertThat(all.loss()).as(name).isCloseTo(one.loss(), within((double) ANOTHER_ORDER));
              assertThat(all.metrics().keySet()).isEqualTo(one.metrics().keySet());
              all.metrics()
                  .forEach(
                      (metric, value) ->
                          assertThat(one.metrics().get(metric))
                              .as("%s %s", name, metric)
                              .isNotNull()
                              // Perplexities near 100 and variations of 0.7 magnify the rounding.
                              .isCloseTo(value, within(100.0 * ANOTHER_ORDER)));
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        TinyBert.CLASSIFY + ": accuracy of accuracy, macro_f1, micro_f1",
        TinyBert.TAG + ": accuracy of accuracy, macro_f1, micro_f1",
        TinyBert.MLM + ": loss of accuracy, perplexity",
        TinyBert.MULTI_LABEL + ": micro_f1 of accuracy, macro_f1, micro_f1",
        TinyBert.REGRESS + ": r2 of mse, r2, pearson"
      })
  void everyTaskHasItsMetrics(String expected) {
    String name = expected.substring(0, expected.indexOf(':'));
    List<EncodedExample> examples = Objects.requireNonNull(dataOfEveryTask().get(name));
    Evaluation evaluation = evaluate(name, examples, 4);
    assertThat(
            "%s: %s of %s"
                .formatted(
                    name, evaluation.main(), String.join(", ", evaluation.metrics().keySet())))
        .isEqualTo(expected);
  }

  @Test
  void nothingToScoreIsAnErrorInEveryTask() {
    Map<String, String> needs =
        Map.of(
            TinyBert.CLASSIFY, "a label",
            TinyBert.TAG, "a labelled word of which the tokenizer makes a token",
            TinyBert.MLM, "a token to predict",
            TinyBert.MULTI_LABEL, "labels",
            TinyBert.REGRESS, "a number");
    dataOfEveryTask()
        .forEach(
            (name, examples) -> {
              List<EncodedExample> unlabelled =
                  examples.stream().map(EvaluatorTest::withoutLabels).toList();
              assertThatThrownBy(() -> evaluate(name, unlabelled, 4))
                  .isInstanceOf(LorikeetException.class)
                  .hasMessage(
                      "there is nothing to score: none of the 10 examples has " + needs.get(name));
            });
  }

  /** As encoders leave them: classes of tokens that do not count, else none at all. */
  private static EncodedExample withoutLabels(EncodedExample example) {
    long[] classes = new long[example.classes().length > 1 ? example.length() : 0];
    Arrays.fill(classes, EncodedExample.IGNORED);
    return new EncodedExample(example.ids(), example.typeIds(), classes, new float[0]);
  }

  @Test
  void reportsAreOfTheSameAnswersAsTheMetrics() {
    try (Model model = TinyBert.open(TinyBert.MULTI_LABEL)) {
      List<EncodedExample> examples = TinyBert.labelled(10, 1, 9, 1);
      EvaluationReport report =
          new Evaluator(model, Tasks.of(model), 4, 0).report(examples, ScoringConfig.DEFAULT);
      ClassificationReport classes = Objects.requireNonNull(report.classes());
      assertThat(classes.micro().f1()).isEqualTo(report.evaluation().metrics().get("micro_f1"));
      assertThat(report.confusion()).isNull();
      assertThat(report.entities()).isNull();
      assertThat(Objects.requireNonNull(report.calibration()).bins().stream())
          .extracting(Calibration.Bin::count)
          .satisfies(
              counts ->
                  assertThat(counts.stream().mapToLong(count -> count).sum())
                      .isEqualTo(10L * classes.classes().size()));
      assertThatThrownBy(() -> report(model, examples, new ScoringConfig(TagScheme.IOB2, 0.5)))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "entity_scheme is IOB2, and entities are scored for token-classification only: leave"
                  + " it out");
    }
  }

  private static EvaluationReport report(
      Model model, List<EncodedExample> examples, ScoringConfig config) {
    return new Evaluator(model, Tasks.of(model), 4, 0).report(examples, config);
  }

  @Test
  void theThresholdSaysWhichLabelsAreAnswered() {
    List<EncodedExample> examples = TinyBert.labelled(10, 1, 9, 1);
    try (Model model = TinyBert.open(TinyBert.MULTI_LABEL)) {
      ClassificationReport all =
          Objects.requireNonNull(report(model, examples, new ScoringConfig(null, 0)).classes());
      assertThat(all.micro().recall()).isEqualTo(1);
      assertThat(all.micro().precision())
          .isEqualTo((double) all.micro().support() / (10 * all.classes().size()));
      EvaluationReport none = report(model, examples, new ScoringConfig(null, 1));
      assertThat(Objects.requireNonNull(none.classes()).micro().recall()).isZero();
      assertThat(none.evaluation().metrics()).containsEntry("micro_f1", 0.0);
    }
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThatThrownBy(() -> report(model, examples, new ScoringConfig(null, 0.3)))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "threshold is 0.3, and the model does not answer with several labels a text: leave it"
                  + " out");
    }
    assertThatThrownBy(() -> new ScoringConfig(null, 1.5))
        .isInstanceOf(UsageException.class)
        .hasMessage("threshold is 1.5: use a probability, 0 to 1");
  }

  @Test
  void perplexityIsTheExponentialOfTheLoss() {
    Evaluation evaluation = evaluate(TinyBert.MLM, TinyBert.tagged(10, 1, 9, 1), 4);
    assertThat(evaluation.metrics()).containsEntry("perplexity", Math.exp(evaluation.loss()));
    assertThat(evaluation.score()).isEqualTo(-evaluation.loss());
  }
}
