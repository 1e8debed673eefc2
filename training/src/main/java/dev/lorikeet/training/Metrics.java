package dev.lorikeet.training;

import java.util.LinkedHashMap;
import java.util.Map;

/** Metrics of predictions against labels. */
public final class Metrics {
  private Metrics() {}

  /**
   * Of classes: {@code accuracy}, {@code macro_f1} (the mean of the classes' F1, over the classes
   * that occur among labels or predictions) and {@code micro_f1}, which for one class an item is
   * the accuracy.
   *
   * @param labels the true class of each item; negative ones do not count
   * @param predictions the predicted class of each item
   */
  public static Map<String, Double> classes(long[] labels, int[] predictions, int classes) {
    long[] truePositives = new long[classes];
    long[] labelled = new long[classes];
    long[] predicted = new long[classes];
    long count = 0;
    long correct = 0;
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0) {
        continue;
      }
      int label = (int) labels[i];
      count++;
      labelled[label]++;
      predicted[predictions[i]]++;
      if (label == predictions[i]) {
        truePositives[label]++;
        correct++;
      }
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) correct / count);
    metrics.put("macro_f1", macroF1(truePositives, labelled, predicted));
    metrics.put("micro_f1", (double) correct / count);
    return metrics;
  }

  /**
   * Of sets of labels: {@code accuracy} (items whose set is right entirely), {@code macro_f1} and
   * {@code micro_f1} (over all item-label pairs together).
   *
   * @param targets 1 where a label is true, [items × labels] row-major
   * @param predictions whether a label is predicted, likewise
   */
  public static Map<String, Double> labelSets(float[] targets, boolean[] predictions, int labels) {
    long[] truePositives = new long[labels];
    long[] labelled = new long[labels];
    long[] predicted = new long[labels];
    long exact = 0;
    int items = targets.length / labels;
    for (int item = 0; item < items; item++) {
      boolean same = true;
      for (int label = 0; label < labels; label++) {
        boolean truth = targets[item * labels + label] > 0.5f;
        boolean prediction = predictions[item * labels + label];
        labelled[label] += truth ? 1 : 0;
        predicted[label] += prediction ? 1 : 0;
        truePositives[label] += truth && prediction ? 1 : 0;
        same &= truth == prediction;
      }
      exact += same ? 1 : 0;
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) exact / items);
    metrics.put("macro_f1", macroF1(truePositives, labelled, predicted));
    metrics.put("micro_f1", f1(sum(truePositives), sum(labelled), sum(predicted)));
    return metrics;
  }

  /**
   * Of numbers: {@code mse}, {@code r2} (1 − squared error over the labels' own variation) and
   * {@code pearson}; the last two are NaN where the labels, or for the last the predictions, are
   * all the same.
   */
  public static Map<String, Double> numbers(float[] labels, float[] predictions) {
    double meanLabel = mean(labels);
    double meanPrediction = mean(predictions);
    double squaredError = 0;
    double labelVariation = 0;
    double predictionVariation = 0;
    double covariation = 0;
    for (int i = 0; i < labels.length; i++) {
      double label = labels[i] - meanLabel;
      double prediction = predictions[i] - meanPrediction;
      double error = (double) labels[i] - predictions[i];
      squaredError += error * error;
      labelVariation += label * label;
      predictionVariation += prediction * prediction;
      covariation += label * prediction;
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("mse", squaredError / labels.length);
    metrics.put("r2", labelVariation == 0 ? Double.NaN : 1 - squaredError / labelVariation);
    metrics.put("pearson", covariation / Math.sqrt(labelVariation * predictionVariation));
    return metrics;
  }

  private static double macroF1(long[] truePositives, long[] labelled, long[] predicted) {
    double sum = 0;
    int occurring = 0;
    for (int i = 0; i < labelled.length; i++) {
      if (labelled[i] + predicted[i] > 0) {
        sum += f1(truePositives[i], labelled[i], predicted[i]);
        occurring++;
      }
    }
    return occurring == 0 ? 0 : sum / occurring;
  }

  /** 2 TP / (labelled + predicted), which is the harmonic mean of precision and recall. */
  private static double f1(long truePositives, long labelled, long predicted) {
    long both = labelled + predicted;
    return both == 0 ? 0 : 2.0 * truePositives / both;
  }

  private static long sum(long[] values) {
    long sum = 0;
    for (long value : values) {
      sum += value;
    }
    return sum;
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }
}
