package dev.lorikeet.training.metrics;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

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
    long[] found = new long[classes];
    long[] labelled = new long[classes];
    long[] predicted = new long[classes];
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] >= 0) {
        int label = (int) labels[i];
        labelled[label]++;
        predicted[predictions[i]]++;
        found[label] += label == predictions[i] ? 1 : 0;
      }
    }
    List<ClassCounts> occurring =
        IntStream.range(0, classes)
            .mapToObj(id -> new ClassCounts("", found[id], labelled[id], predicted[id]))
            .filter(ClassCounts::occurs)
            .toList();
    ClassCounts all = ClassCounts.sum(occurring);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) all.found() / all.labelled());
    metrics.put("macro_f1", macroF1(occurring));
    metrics.put("micro_f1", (double) all.found() / all.labelled());
    return metrics;
  }

  /**
   * Of sets of labels: {@code accuracy} (items whose set is right entirely), {@code macro_f1} (the
   * mean of all labels' F1, as scikit-learn's, 0 for one that never occurs) and {@code micro_f1}
   * (over all item-label pairs together).
   *
   * @param targets 1 where a label is true, [items × labels] row-major
   * @param predictions whether a label is predicted, likewise
   */
  public static Map<String, Double> labelSets(float[] targets, boolean[] predictions, int labels) {
    int items = targets.length / labels;
    long exact =
        IntStream.range(0, items)
            .filter(
                item ->
                    IntStream.range(item * labels, (item + 1) * labels)
                        .allMatch(i -> targets[i] > 0.5f == predictions[i]))
            .count();
    List<ClassCounts> counts =
        labelCounts(targets, predictions, Collections.nCopies(labels, "label"));
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) exact / items);
    metrics.put("macro_f1", macroF1(counts));
    metrics.put("micro_f1", ClassCounts.sum(counts).scores().f1());
    return metrics;
  }

  /** How often each label is true, predicted and both, of arrays as {@link #labelSets} takes. */
  public static List<ClassCounts> labelCounts(
      float[] targets, boolean[] predictions, List<String> names) {
    List<ClassCounts> counts = new ArrayList<>();
    for (int label = 0; label < names.size(); label++) {
      long found = 0;
      long labelled = 0;
      long predicted = 0;
      for (int i = label; i < targets.length; i += names.size()) {
        boolean truth = targets[i] > 0.5f;
        labelled += truth ? 1 : 0;
        predicted += predictions[i] ? 1 : 0;
        found += truth && predictions[i] ? 1 : 0;
      }
      counts.add(new ClassCounts(names.get(label), found, labelled, predicted));
    }
    return counts;
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

  private static double macroF1(List<ClassCounts> classes) {
    return classes.stream().mapToDouble(count -> count.scores().f1()).average().orElse(0);
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }
}
