package dev.lorikeet.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Against what scikit-learn 1.9.1 gives for the same labels and predictions. */
class MetricsTest {
  /** Quotients of small whole numbers in double. */
  private static final Offset<Double> EXACT = within(1e-12);

  private static void assertMetric(Map<String, Double> metrics, String name, double expected) {
    assertThat(metrics.get(name)).as(name).isNotNull().isCloseTo(expected, EXACT);
  }

  @Test
  void classesAsScikitLearnScoresThem() {
    Map<String, Double> metrics =
        Metrics.classes(
            new long[] {0, 1, 2, 2, 1, 0, 3, 3, 3, 1}, new int[] {0, 2, 2, 2, 1, 1, 3, 0, 3, 1}, 4);
    assertMetric(metrics, "accuracy", 0.7);
    assertMetric(metrics, "macro_f1", 0.6916666666666667);
    assertMetric(metrics, "micro_f1", 0.7);
    assertThat(metrics.keySet()).containsExactly("accuracy", "macro_f1", "micro_f1");
  }

  @Test
  void aClassThatIsNeverPredictedCountsAndOneThatNeverOccursDoesNot() {
    Map<String, Double> metrics =
        Metrics.classes(new long[] {0, 0, 1, 2}, new int[] {0, 1, 1, 1}, 7);
    assertMetric(metrics, "accuracy", 0.5);
    assertMetric(metrics, "macro_f1", 0.38888888888888884);
  }

  @Test
  void ignoredLabelsDoNotCount() {
    Map<String, Double> metrics =
        Metrics.classes(new long[] {0, -100, 1, -100}, new int[] {0, 1, 0, 0}, 2);
    assertMetric(metrics, "accuracy", 0.5);
    // Class 0: one of two predictions right, its one label found: 2/3. Class 1: 0.
    assertMetric(metrics, "macro_f1", (2 / 3.0 + 0) / 2);
  }

  @Test
  void labelSetsAsScikitLearnScoresThem() {
    float[] targets = {1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1};
    int[] predicted = {1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1};
    boolean[] predictions = new boolean[predicted.length];
    for (int i = 0; i < predicted.length; i++) {
      predictions[i] = predicted[i] == 1;
    }
    Map<String, Double> metrics = Metrics.labelSets(targets, predictions, 3);
    assertMetric(metrics, "accuracy", 0.4);
    assertMetric(metrics, "macro_f1", 0.7666666666666666);
    assertMetric(metrics, "micro_f1", 0.7692307692307693);
  }

  @Test
  void labelSetsWithoutAnyLabelAreRightButScoreNothing() {
    Map<String, Double> metrics = Metrics.labelSets(new float[4], new boolean[4], 2);
    assertMetric(metrics, "accuracy", 1);
    assertMetric(metrics, "macro_f1", 0);
    assertMetric(metrics, "micro_f1", 0);
  }

  @Test
  void numbersAsScikitLearnScoresThem() {
    Map<String, Double> metrics =
        Metrics.numbers(new float[] {1.5f, -0.5f, 2.25f, 0, 3}, new float[] {1, 0, 2, 0.5f, 2});
    assertMetric(metrics, "mse", 0.3625);
    assertMetric(metrics, "r2", 0.7928571428571428);
    assertMetric(metrics, "pearson", 0.9685339620861447);
  }

  @Test
  void whatCannotBeSaidOfConstantNumbersIsNan() {
    Map<String, Double> labels = Metrics.numbers(new float[] {1, 1}, new float[] {1, 2});
    assertMetric(labels, "mse", 0.5);
    assertThat(labels.get("r2")).isNaN();
    assertThat(labels.get("pearson")).isNaN();
    Map<String, Double> predictions = Metrics.numbers(new float[] {1, 3}, new float[] {2, 2});
    assertMetric(predictions, "r2", 0);
    assertThat(predictions.get("pearson")).isNaN();
  }

  @Test
  void worsePredictionsThanTheMeanHaveANegativeR2() {
    assertMetric(Metrics.numbers(new float[] {0, 2}, new float[] {2, 0}), "r2", -3);
    assertMetric(Metrics.numbers(new float[] {0, 2}, new float[] {2, 0}), "pearson", -1);
  }
}
