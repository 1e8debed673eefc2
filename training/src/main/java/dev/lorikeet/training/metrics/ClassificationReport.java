package dev.lorikeet.training.metrics;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Precision, recall and F1 by class, with the averages of scikit-learn's {@code
 * classification_report}: where a quotient has no meaning it is 0.
 *
 * @param classes the scores of each class by its name
 * @param micro of all classes' answers together; for one class an item all three are the accuracy
 * @param macro the mean over the classes
 * @param weighted the mean over the classes, each weighted by its support
 */
public record ClassificationReport(
    Map<String, ClassScores> classes, ClassScores micro, ClassScores macro, ClassScores weighted) {

  /** The report of some classes, which have different names, in their order. */
  public static ClassificationReport of(List<ClassCounts> counts) {
    Map<String, ClassScores> classes = new LinkedHashMap<>();
    counts.forEach(count -> classes.put(count.name(), count.scores()));
    return new ClassificationReport(
        classes,
        ClassCounts.sum(counts).scores(),
        average(classes.values(), scores -> 1),
        average(classes.values(), ClassScores::support));
  }

  private static ClassScores average(
      Collection<ClassScores> classes, ToDoubleFunction<ClassScores> weight) {
    return new ClassScores(
        mean(classes, ClassScores::precision, weight),
        mean(classes, ClassScores::recall, weight),
        mean(classes, ClassScores::f1, weight),
        classes.stream().mapToLong(ClassScores::support).sum());
  }

  private static double mean(
      Collection<ClassScores> classes,
      ToDoubleFunction<ClassScores> score,
      ToDoubleFunction<ClassScores> weight) {
    double sum = 0;
    double weights = 0;
    for (ClassScores scores : classes) {
      sum += weight.applyAsDouble(scores) * score.applyAsDouble(scores);
      weights += weight.applyAsDouble(scores);
    }
    return weights == 0 ? 0 : sum / weights;
  }
}
