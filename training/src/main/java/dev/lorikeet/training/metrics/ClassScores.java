package dev.lorikeet.training.metrics;

/**
 * How well a class is found, or the average over several.
 *
 * @param precision the share of those answered so that are so; 0 where none is answered so
 * @param recall the share of those that are so that are answered so; 0 where none is so
 * @param f1 the harmonic mean of both, or for an average of classes the mean of theirs
 * @param support how many are so
 */
public record ClassScores(double precision, double recall, double f1, long support) {

  /**
   * The scores of one class.
   *
   * @param found how many are answered so and are so
   * @param labelled how many are so
   * @param predicted how many are answered so
   */
  static ClassScores of(long found, long labelled, long predicted) {
    return new ClassScores(
        ratio(found, predicted),
        ratio(found, labelled),
        ratio(2 * found, labelled + predicted),
        labelled);
  }

  private static double ratio(long part, long whole) {
    return whole == 0 ? 0 : (double) part / whole;
  }
}
