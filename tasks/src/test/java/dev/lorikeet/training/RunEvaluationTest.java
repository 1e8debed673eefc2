package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** When runs are evaluated, what is the best of them, and when they end early. */
@Tag("numeric")
class RunEvaluationTest {
  private static final int PAD = 0;

  /** Twenty examples in batches of four: five steps an epoch, ten in all. */
  private static final List<EncodedExample> DATA = TinyBert.classified(20, 3, 12, 1);

  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT.withLr(3e-3, List.of()).withEpochs(2).withBatchSize(4, 1);

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static TrainingConfig evaluated(Consumer<EvaluationConfig.Change> change) {
    return CONFIG.with(draft -> draft.evaluation = draft.evaluation.with(change));
  }

  private static TrainingResult train(
      TrainingConfig config, List<EncodedExample> held, TrainingListener listener) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.headOf(model);
      TrainingData data = TrainingData.of(DATA);
      return new Trainer(model, Tasks.of(model), trainables, data, held, PAD, config, listener)
          .run();
    }
  }

  private static List<Long> steps(TrainingConfig config) {
    List<StepEvaluation> heard = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void evaluated(StepEvaluation evaluation) {
            heard.add(evaluation);
          }
        };
    TrainingResult result = train(config, DATA, listener);
    assertThat(result.evaluations()).isEqualTo(heard);
    return heard.stream().map(StepEvaluation::step).toList();
  }

  @Test
  void anEpochsEndAnIntervalOrAShareOfAllStepsIsTheTimeToEvaluate() {
    assertThat(steps(CONFIG)).containsExactly(5L, 10L);
    assertThat(steps(evaluated(draft -> draft.evalStrategy = IntervalStrategy.NO))).isEmpty();
    assertThat(
            steps(
                evaluated(
                    draft -> {
                      draft.evalStrategy = IntervalStrategy.STEPS;
                      draft.evalSteps = 4;
                    })))
        .as("every fourth, and the last")
        .containsExactly(4L, 8L, 10L);
    assertThat(
            steps(
                evaluated(
                    draft -> {
                      draft.evalStrategy = IntervalStrategy.STEPS;
                      draft.evalSteps = 0.25;
                    })))
        .as("transformers rounds up: a quarter of ten is three")
        .containsExactly(3L, 6L, 9L, 10L);
    assertThat(steps(evaluated(draft -> draft.evalOnStart = true))).containsExactly(0L, 5L, 10L);
  }

  @Test
  void theEvaluationBeforeTheFirstStepIsOfTheUntrainedModelAndNeverTheBest() {
    TrainingConfig config = evaluated(draft -> draft.evalOnStart = true).withEpochs(1);
    TrainingResult result = train(config, TinyBert.misclassified(20, 3, 12, 1), silent());
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Evaluation untrained =
          new Evaluator(model, Tasks.of(model), 4, PAD)
              .evaluate(TinyBert.misclassified(20, 3, 12, 1));
      assertThat(result.evaluations().get(0).evaluation().loss()).isEqualTo(untrained.loss());
    }
    assertThat(result.bestStep()).isEqualTo(5);
  }

  private static TrainingListener silent() {
    return TrainingListener.SILENT;
  }

  @Test
  void maxStepsEndsTheRunWhateverTheEpochs() {
    TrainingResult shorter = train(CONFIG.with(draft -> draft.maxSteps = 7), DATA, silent());
    assertThat(shorter.steps()).isEqualTo(7);
    assertThat(shorter.epochs()).hasSize(2);
    assertThat(shorter.evaluations()).extracting(StepEvaluation::step).containsExactly(5L, 7L);
    TrainingResult longer = train(CONFIG.with(draft -> draft.maxSteps = 16), DATA, silent());
    assertThat(longer.steps()).isEqualTo(16);
    assertThat(longer.epochs()).hasSize(4);
  }

  @Test
  void theBestMayBeReachedWithinAnEpoch() {
    // What is learnt is wrong for the evaluation data: the first evaluation is the best.
    TrainingConfig config =
        evaluated(
            draft -> {
              draft.evalStrategy = IntervalStrategy.STEPS;
              draft.evalSteps = 3;
              draft.metricForBestModel = "eval_loss";
            });
    TrainingResult result = train(config, TinyBert.misclassified(20, 3, 12, 1), silent());
    assertThat(result.bestStep()).isEqualTo(3);
    assertThat(result.bestEpoch()).isEqualTo(1);
    assertThat(result.evaluation()).isSameAs(result.evaluations().get(0).evaluation());
    assertThat(result.epochs().get(0).evaluation()).isNull();
  }

  @Test
  void patienceEndsARunThatGainsNothing() {
    TrainingConfig config =
        evaluated(
            draft -> {
              draft.evalStrategy = IntervalStrategy.STEPS;
              draft.evalSteps = 2;
              draft.metricForBestModel = "loss";
              draft.earlyStoppingPatience = 2;
            });
    List<EncodedExample> wrong = TinyBert.misclassified(20, 3, 12, 1);
    TrainingResult result = train(config, wrong, silent());
    assertThat(result.evaluations()).extracting(StepEvaluation::step).containsExactly(2L, 4L, 6L);
    assertThat(result.steps()).isEqualTo(6);
    assertThat(result.bestStep()).isEqualTo(2);
    assertThat(result.epochs()).as("the second has one step").hasSize(2);
    assertThat(train(config, DATA, silent()).steps()).as("with gains it goes on").isEqualTo(10);
  }

  // ---- scores ----

  private static double score(String metric, @Nullable Boolean greater) {
    EvaluationConfig config =
        EvaluationConfig.DEFAULT.with(
            draft -> {
              draft.metricForBestModel = metric;
              draft.greaterIsBetter = greater;
            });
    return config.score(new Evaluation(0.5, Map.of("r2", 0.75, "mse", 2.0), "r2", 1, 1));
  }

  @Test
  void anyMetricCanBeTheOneThatCounts() {
    assertThat(score("r2", null)).isEqualTo(0.75);
    assertThat(score("eval_r2", null)).isEqualTo(0.75);
    assertThat(score("mse", null)).isEqualTo(-2);
    assertThat(score("eval_loss", null)).isEqualTo(-0.5);
    assertThat(score("loss", true)).isEqualTo(0.5);
    assertThat(score("r2", false)).isEqualTo(-0.75);
  }

  @Test
  void aMetricThatTheTaskHasNotIsFoundBeforeTheFirstStep() {
    List<TrainingListener.Progress> progress = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void progressed(Progress now) {
            progress.add(now);
          }
        };
    TrainingConfig config = evaluated(draft -> draft.metricForBestModel = "eval_accurracy");
    assertThatThrownBy(() -> train(config, DATA, listener))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "metric_for_best_model is eval_accurracy, which this task has not; nearest: accuracy,"
                + " macro_f1");
    assertThat(progress).isEmpty();
  }

  @Test
  void settingsThatNeedEvaluationDataSaySo() {
    assertThatThrownBy(
            () -> train(evaluated(draft -> draft.earlyStoppingPatience = 1), List.of(), silent()))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "early_stopping_patience is 1, and there are no evaluation data: give --eval-data, or"
                + " leave it out");
  }
}
