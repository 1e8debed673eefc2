package dev.lorikeet.training.metrics;

import java.util.List;

/**
 * What scores of a class, or of a type of entities, are made of.
 *
 * @param found how many are answered so and are so
 * @param labelled how many are so
 * @param predicted how many are answered so
 */
record ClassCounts(String name, long found, long labelled, long predicted) {

  /** Whether the class occurs at all, among labels or answers. */
  boolean occurs() {
    return labelled + predicted > 0;
  }

  ClassScores scores() {
    return ClassScores.of(found, labelled, predicted);
  }

  /** All classes together. */
  static ClassCounts sum(List<ClassCounts> classes) {
    return new ClassCounts(
        "",
        classes.stream().mapToLong(ClassCounts::found).sum(),
        classes.stream().mapToLong(ClassCounts::labelled).sum(),
        classes.stream().mapToLong(ClassCounts::predicted).sum());
  }
}
