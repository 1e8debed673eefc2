package dev.lorikeet.training.metrics;

import java.util.ArrayList;
import java.util.List;

/**
 * Whether probabilities are what they say: of the answers with a confidence of 0.8, are 80 % right?
 *
 * @param error the expected calibration error, Σ n_b / n · |accuracy_b − confidence_b| over bins b
 *     of equal width (Guo et al. 2017, arXiv:1706.04599, §2)
 * @param bins those that have answers, from the least confident
 * @param of how many bins there are between 0 and 1
 */
public record Calibration(double error, List<Bin> bins, int of) {
  /** As many as the paper has. */
  public static final int BINS = 15;

  /**
   * The answers whose confidence is above {@code from} and at most {@code to}; 0 itself is in the
   * first bin.
   *
   * @param count how many
   * @param confidence their mean
   * @param accuracy the share of them that is right
   */
  public record Bin(double from, double to, long count, double confidence, double accuracy) {}

  /**
   * The calibration of answers, at least one.
   *
   * @param confidences each answer's probability
   * @param right whether each answer is right
   */
  public static Calibration of(float[] confidences, boolean[] right, int binCount) {
    long[] counts = new long[binCount];
    long[] rights = new long[binCount];
    double[] sums = new double[binCount];
    for (int i = 0; i < confidences.length; i++) {
      int bin = (int) Math.ceil((double) confidences[i] * binCount) - 1;
      int inside = Math.max(0, Math.min(bin, binCount - 1));
      counts[inside]++;
      rights[inside] += right[i] ? 1 : 0;
      sums[inside] += confidences[i];
    }
    List<Bin> bins = new ArrayList<>();
    double error = 0;
    for (int i = 0; i < binCount; i++) {
      if (counts[i] > 0) {
        double width = 1.0 / binCount;
        double confidence = sums[i] / counts[i];
        double accuracy = (double) rights[i] / counts[i];
        bins.add(new Bin(i * width, (i + 1) * width, counts[i], confidence, accuracy));
        error += Math.abs(accuracy - confidence) * counts[i] / confidences.length;
      }
    }
    return new Calibration(error, bins, binCount);
  }
}
