package dev.lorikeet.compare;

import java.util.List;

/** Logits as answers. */
final class Predictions {
  /** What is likelier than not. */
  private static final double HALF = 0.5;

  private Predictions() {}

  /** The class with the largest logit and its softmax probability. */
  static Prediction single(float[] logits, List<String> labels) {
    LabelProbabilities all = LabelProbabilities.softmax(logits, 0, labels);
    return Prediction.of(all.top(1), logits, all);
  }

  /** All labels whose sigmoid probability is above one half. */
  static Prediction several(float[] logits, List<String> labels) {
    LabelProbabilities all = LabelProbabilities.sigmoid(logits, labels);
    return Prediction.of(all.above(HALF), logits, all);
  }

  static Prediction number(float[] logits) {
    return new Prediction(List.of(Float.toString(logits[0])), List.of((double) logits[0]), logits);
  }

  static double softmax(float[] logits, int start, int size, int index) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += Math.exp((double) logits[start + i] - logits[start + index]);
    }
    return 1 / sum;
  }
}
