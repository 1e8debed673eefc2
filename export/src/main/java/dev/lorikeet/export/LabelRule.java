package dev.lorikeet.export;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/** How logits become labels, and so when a difference between two of them changes one. */
public enum LabelRule {
  /** The largest logit is the label: one class of several, and words. */
  LARGEST {
    @Override
    int changed(FloatBuffer expected, FloatBuffer actual, double tie) {
      int before = largest(expected);
      int after = largest(actual);
      return expected.get(before) - (double) expected.get(after) > tie ? 1 : 0;
    }
  },
  /** Every positive logit is a label: any number of classes. */
  SIGN {
    @Override
    int changed(FloatBuffer expected, FloatBuffer actual, double tie) {
      int changed = 0;
      for (int i = 0; i < expected.limit(); i++) {
        boolean flipped = expected.get(i) > 0 != actual.get(i) > 0;
        changed += flipped && Math.abs(expected.get(i)) > tie ? 1 : 0;
      }
      return changed;
    }
  },
  /** There are no labels: regression, hidden states. */
  NONE {
    @Override
    int changed(FloatBuffer expected, FloatBuffer actual, double tie) {
      return 0;
    }
  };

  /**
   * How many labels of one sequence or of one token differ, given its logits. Where the expected
   * logits themselves hold two labels apart by no more than {@code tie}, either is right: rounding
   * alone decides between them.
   */
  abstract int changed(FloatBuffer expected, FloatBuffer actual, double tie);

  /** The rule for a model's answers. */
  public static LabelRule of(@Nullable HeadType head, ModelConfig config) {
    if (head == null) {
      return NONE;
    }
    if (head.reads() != HeadType.Reads.TEXT) {
      return LARGEST;
    }
    return switch (config.problemType()) {
      case SINGLE_LABEL -> LARGEST;
      case MULTI_LABEL -> SIGN;
      case REGRESSION -> NONE;
    };
  }

  private static int largest(FloatBuffer logits) {
    int largest = 0;
    for (int i = 1; i < logits.limit(); i++) {
      if (logits.get(i) > logits.get(largest)) {
        largest = i;
      }
    }
    return largest;
  }
}
