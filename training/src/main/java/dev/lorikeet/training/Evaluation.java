package dev.lorikeet.training;

import java.util.Map;

/**
 * What a model scores on a data set.
 *
 * @param loss the mean loss over the labels that count
 * @param metrics by name, in the order to print: {@code accuracy}, {@code macro_f1}, ...
 * @param main the name of the metric that runs are compared by
 * @param examples the number of examples
 * @param seconds the time it took
 */
public record Evaluation(
    double loss, Map<String, Double> metrics, String main, int examples, double seconds) {

  /** The metric that runs are compared by; greater is better, and a loss counts negative. */
  public double score() {
    return main.equals("loss") ? -loss : metrics.getOrDefault(main, Double.NaN);
  }
}
