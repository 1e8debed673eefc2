package dev.lorikeet.compare;

import java.util.Comparator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The probability of every label. */
public final class LabelProbabilities {
  private final List<String> labels;
  private final double[] values;

  private LabelProbabilities(List<String> labels, double[] values) {
    this.labels = labels;
    this.values = values;
  }

  /** Of labels of which one holds: the softmax of logits from {@code start} on. */
  static LabelProbabilities softmax(float[] logits, int start, List<String> labels) {
    double[] values = new double[labels.size()];
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < values.length; i++) {
      largest = Math.max(largest, logits[start + i]);
    }
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.exp(logits[start + i] - largest);
      sum += values[i];
    }
    for (int i = 0; i < values.length; i++) {
      values[i] /= sum;
    }
    return new LabelProbabilities(labels, values);
  }

  /** Of labels of which any number holds: the sigmoid of each logit. */
  static LabelProbabilities sigmoid(float[] logits, List<String> labels) {
    return new LabelProbabilities(
        labels,
        IntStream.range(0, labels.size())
            .mapToDouble(i -> 1 / (1 + Math.exp(-logits[i])))
            .toArray());
  }

  /** How many labels there are. */
  public int size() {
    return values.length;
  }

  /**
   * The probability of a label.
   *
   * @throws NoSuchElementException when the model has no such label
   */
  public double of(String label) {
    int id = labels.indexOf(label);
    if (id < 0) {
      throw new NoSuchElementException("no label \"" + label + "\"; there are: " + labels);
    }
    return values[id];
  }

  /** The likeliest labels, likeliest first; of two alike the one with the smaller id first. */
  public List<LabelScore> top(int count) {
    return scores()
        .sorted(Comparator.comparingDouble(LabelScore::score).reversed())
        .limit(count)
        .toList();
  }

  /** The labels whose probability is above a threshold, in the order of their ids. */
  public List<LabelScore> above(double threshold) {
    return scores().filter(score -> score.score() > threshold).toList();
  }

  private Stream<LabelScore> scores() {
    return IntStream.range(0, values.length)
        .mapToObj(i -> new LabelScore(labels.get(i), values[i]));
  }
}
