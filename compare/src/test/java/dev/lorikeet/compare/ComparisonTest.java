package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.EpochReport;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.StepEvaluation;
import dev.lorikeet.training.TrainingResult;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static Evaluation accuracy(double value, double loss) {
    return new Evaluation(loss, Map.of("accuracy", value), "accuracy", 200, 0.5);
  }

  private static TrainingResult run(int bestEpoch, @Nullable Evaluation... byEpoch) {
    EpochReport[] reports = new EpochReport[byEpoch.length];
    List<StepEvaluation> evaluations = new ArrayList<>();
    for (int i = 0; i < byEpoch.length; i++) {
      reports[i] = new EpochReport(i + 1, 2.0 / (i + 1), byEpoch[i], 10.0 * (i + 1));
      if (byEpoch[i] != null) {
        evaluations.add(new StepEvaluation(25L * (i + 1), i + 1, i + 1, true, byEpoch[i]));
      }
    }
    return new TrainingResult(
        Arrays.asList(reports),
        evaluations,
        bestEpoch,
        25L * bestEpoch,
        50,
        12_345,
        0.08,
        20,
        1_234,
        482_696,
        23_198_992);
  }

  @Test
  void tableHasAColumnARun() {
    String table =
        new Comparison()
            .add("fine-tune", run(1, accuracy(0.9, 0.3), accuracy(0.875, 0.4)))
            .add("scratch", run(2, accuracy(0.125, 2), accuracy(0.25, 1.9)))
            .table();
    assertThat(table)
        .isEqualTo(
            """
                                   fine-tune     scratch
            accuracy, epoch 1         0.9000      0.1250
            accuracy, epoch 2         0.8750      0.2500
            trainable parameters     482,696     482,696
            total parameters      23,198,992  23,198,992
            training time             20.0 s      20.0 s
            tokens per second            617         617
            peak resident memory   1,234 MiB   1,234 MiB
            """);
  }

  @Test
  void scoresBelowZeroKeepTheirSign() {
    Evaluation r2 = new Evaluation(1.3, Map.of("r2", -0.3), "r2", 10, 0.1);
    assertThat(new Comparison().add("", run(1, r2)).table()).contains("r2, epoch 1  ", " -0.3000");
  }

  @Test
  void lossIsShownAsItIs() {
    Evaluation loss = new Evaluation(4.25, Map.of("perplexity", 70.1), "loss", 10, 0.1);
    assertThat(new Comparison().add("", run(1, loss)).table())
        .containsPattern("loss, epoch 1 +4\\.2500");
  }

  @Test
  void withoutEvaluationTheTrainingLossIsShown() {
    String table = new Comparison().add("", run(2, null, null)).table();
    assertThat(table)
        .containsPattern("training loss, epoch 1 +2\\.0000")
        .containsPattern("training loss, epoch 2 +1\\.0000");
  }

  @Test
  void jsonHasTheBestEpochsScoresAndAllEpochs() {
    ObjectNode json = Comparison.json(run(1, accuracy(0.9, 0.3), accuracy(0.875, 0.4)));
    assertThat(json.path("train_seconds").asDouble()).isEqualTo(20);
    assertThat(json.path("steps").asInt()).isEqualTo(50);
    assertThat(json.path("tokens").asInt()).isEqualTo(12_345);
    assertThat(json.path("tokens_per_second").asDouble()).isEqualTo(12_345 / 20.0);
    assertThat(json.path("padding_ratio").asDouble()).isEqualTo(0.08);
    assertThat(json.path("eval_accuracy").asDouble()).isEqualTo(0.9);
    assertThat(json.path("eval_loss").asDouble()).isEqualTo(0.3);
    assertThat(json.path("eval_examples").asInt()).isEqualTo(200);
    assertThat(json.path("peak_rss_mib").asInt()).isEqualTo(1_234);
    assertThat(json.path("trainable_parameters").asInt()).isEqualTo(482_696);
    assertThat(json.path("total_parameters").asInt()).isEqualTo(23_198_992);
    assertThat(json.path("best_epoch").asInt()).isEqualTo(1);
    assertThat(json.path("epochs")).hasSize(2);
    assertThat(json.path("epochs").path(1).path("eval_accuracy").asDouble()).isEqualTo(0.875);
    assertThat(json.path("epochs").path(1).path("train_loss").asDouble()).isEqualTo(1);
  }

  @Test
  void evaluationsBetweenTheEpochsHaveRowsOfTheirOwn() {
    List<StepEvaluation> evaluations =
        List.of(
            new StepEvaluation(20, 1, 0.8, false, accuracy(0.5, 1)),
            new StepEvaluation(40, 2, 1.6, false, accuracy(0.75, 0.5)));
    List<EpochReport> epochs = List.of(new EpochReport(1, 2, null, 10));
    TrainingResult run =
        new TrainingResult(epochs, evaluations, 2, 40, 50, 12_345, 0.08, 20, 1_234, 1, 2);
    Comparison comparison = new Comparison().add("", run);
    assertThat(comparison.table())
        .containsPattern("accuracy, step 20 +0\\.5000")
        .containsPattern("accuracy, step 40 +0\\.7500")
        .doesNotContain("epoch");
    ObjectNode json = Comparison.json(run);
    assertThat(json.path("best_step").asInt()).isEqualTo(40);
    assertThat(json.path("eval_accuracy").asDouble()).isEqualTo(0.75);
    assertThat(json.path("evaluations").path(0).path("step").asInt()).isEqualTo(20);
    assertThat(json.path("evaluations").path(1).path("eval_loss").asDouble()).isEqualTo(0.5);
  }

  @Test
  void jsonWithoutEvaluationHasNoScores() {
    assertThat(Comparison.json(run(1, (Evaluation) null)).has("eval_loss")).isFalse();
  }

  @Test
  void runsKeepTheirOrder() {
    Comparison comparison = new Comparison();
    List<String> names = List.of("z", "a", "m", "b", "y", "c");
    names.forEach(name -> comparison.add(name, run(1, accuracy(1, 0))));
    assertThat(comparison.runs().keySet()).containsExactlyElementsOf(names);
    assertThat(comparison.json().fieldNames()).toIterable().containsExactlyElementsOf(names);
  }
}
