package dev.lorikeet.compare;

import java.util.ArrayList;
import java.util.List;

/** Logits as answers. */
final class Predictions {
  private Predictions() {}

  /** The class with the largest logit and its softmax probability. */
  static Prediction single(float[] logits, List<String> labels) {
    int best = argmax(logits, 0, logits.length);
    return new Prediction(
        List.of(labels.get(best)), List.of(softmax(logits, 0, logits.length, best)), logits);
  }

  /** All labels whose sigmoid probability is above one half. */
  static Prediction several(float[] logits, List<String> labels) {
    List<String> chosen = new ArrayList<>();
    List<Double> scores = new ArrayList<>();
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] > 0) {
        chosen.add(labels.get(i));
        scores.add(1 / (1 + Math.exp(-logits[i])));
      }
    }
    return new Prediction(chosen, scores, logits);
  }

  static Prediction number(float[] logits) {
    return new Prediction(List.of(Float.toString(logits[0])), List.of((double) logits[0]), logits);
  }

  /**
   * One class a word, of the logits of its first token. A word that the maximal length cut off has
   * none.
   *
   * @param wordIds the word of each token, −1 for special ones
   */
  static Prediction words(float[] logits, int[] wordIds, List<String> labels) {
    List<String> chosen = new ArrayList<>();
    List<Double> scores = new ArrayList<>();
    int width = labels.size();
    int previous = -1;
    for (int token = 0; token < wordIds.length; token++) {
      if (wordIds[token] >= 0 && wordIds[token] != previous) {
        int best = argmax(logits, token * width, width);
        chosen.add(labels.get(best));
        scores.add(softmax(logits, token * width, width, best));
        previous = wordIds[token];
      }
    }
    return new Prediction(chosen, scores, logits);
  }

  static int argmax(float[] values, int start, int size) {
    int best = 0;
    for (int i = 1; i < size; i++) {
      if (values[start + i] > values[start + best]) {
        best = i;
      }
    }
    return best;
  }

  static double softmax(float[] logits, int start, int size, int index) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += Math.exp((double) logits[start + i] - logits[start + index]);
    }
    return 1 / sum;
  }
}
