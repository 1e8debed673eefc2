package dev.lorikeet.training.metrics;

import dev.lorikeet.data.EncodedExample;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which classes were answered for which, as scikit-learn's {@code confusion_matrix}: classes that
 * occur neither among labels nor among answers are left out.
 *
 * @param labels the classes that occur, in the order of their ids
 * @param counts by the true class, then by the answered one
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ConfusionMatrix(List<String> labels, long[][] counts) {

  /**
   * Counts answers.
   *
   * @param classes the true class of each item; {@link EncodedExample#IGNORED} does not count
   * @param predictions the answered class of each item
   * @param names of all classes
   */
  public static ConfusionMatrix of(long[] classes, int[] predictions, List<String> names) {
    long[][] all = new long[names.size()][names.size()];
    for (int i = 0; i < classes.length; i++) {
      if (classes[i] != EncodedExample.IGNORED) {
        all[(int) classes[i]][predictions[i]]++;
      }
    }
    int[] occurring = occurring(all);
    long[][] counts = new long[occurring.length][occurring.length];
    List<String> labels = new ArrayList<>();
    for (int row = 0; row < occurring.length; row++) {
      labels.add(names.get(occurring[row]));
      for (int column = 0; column < occurring.length; column++) {
        counts[row][column] = all[occurring[row]][occurring[column]];
      }
    }
    return new ConfusionMatrix(labels, counts);
  }

  private static int[] occurring(long[][] counts) {
    boolean[] occurs = new boolean[counts.length];
    for (int row = 0; row < counts.length; row++) {
      for (int column = 0; column < counts.length; column++) {
        occurs[row] |= counts[row][column] > 0;
        occurs[column] |= counts[row][column] > 0;
      }
    }
    return IntStream.range(0, occurs.length).filter(i -> occurs[i]).toArray();
  }

  /** What the scores of each class are made of. */
  public List<ClassCounts> byClass() {
    List<ClassCounts> classes = new ArrayList<>();
    for (int i = 0; i < labels.size(); i++) {
      long labelled = 0;
      long predicted = 0;
      for (int other = 0; other < labels.size(); other++) {
        labelled += counts[i][other];
        predicted += counts[other][i];
      }
      classes.add(new ClassCounts(labels.get(i), counts[i][i], labelled, predicted));
    }
    return classes;
  }
}
