package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class PredictionsTest {
  /** Double arithmetic on a handful of values. */
  private static final double TOLERANCE = 1e-12;

  @Test
  void oneLabelIsTheLargestLogitWithItsSoftmax() {
    Prediction prediction = Predictions.single(new float[] {1, 3, 2}, List.of("a", "b", "c"));
    assertThat(prediction.labels()).containsExactly("b");
    double expected = Math.exp(3) / (Math.exp(1) + Math.exp(3) + Math.exp(2));
    assertThat(prediction.scores()).hasSize(1);
    assertThat(prediction.scores().get(0)).isEqualTo(expected, within(TOLERANCE));
    assertThat(prediction.logits()).containsExactly(1, 3, 2);
  }

  @Test
  void firstOfEqualLogitsCounts() {
    assertThat(Predictions.argmax(new float[] {9, 1, 2, 2, 9}, 1, 3)).isEqualTo(1);
  }

  @Test
  void softmaxOfLargeLogitsIsFinite() {
    float[] logits = {1000, 999, -1000};
    assertThat(Predictions.softmax(logits, 0, 3, 0))
        .isEqualTo(1 / (1 + Math.exp(-1)), within(TOLERANCE));
    assertThat(Predictions.softmax(logits, 0, 3, 2)).isEqualTo(0);
    assertThat(Predictions.softmax(new float[] {-2000, -2000}, 0, 2, 1)).isEqualTo(0.5);
  }

  @Test
  void severalLabelsAreThoseAboveOneHalf() {
    Prediction prediction =
        Predictions.several(new float[] {2, -1, 0, 0.5f}, List.of("a", "b", "c", "d"));
    assertThat(prediction.labels()).containsExactly("a", "d");
    assertThat(prediction.scores().get(0)).isEqualTo(1 / (1 + Math.exp(-2)), within(TOLERANCE));
    assertThat(prediction.scores().get(1)).isEqualTo(1 / (1 + Math.exp(-0.5)), within(TOLERANCE));
    assertThat(Predictions.several(new float[] {-1}, List.of("a")).labels()).isEmpty();
  }

  @Test
  void numberIsTheLogitItself() {
    Prediction prediction = Predictions.number(new float[] {-2.5f});
    assertThat(prediction.labels()).containsExactly("-2.5");
    assertThat(prediction.scores()).containsExactly(-2.5);
  }

  @Test
  void wordsAreAnsweredByTheirFirstTokens() {
    float[] logits = {
      9, 0, // [CLS]
      0, 1, // the first word's first token
      5, 0, // and its second
      2, 0, // the second word
      0, 9, // [SEP]
    };
    Prediction prediction =
        Predictions.words(logits, new int[] {-1, 0, 0, 1, -1}, List.of("x", "y"));
    assertThat(prediction.labels()).containsExactly("y", "x");
    assertThat(prediction.scores().get(0)).isEqualTo(1 / (1 + Math.exp(-1)), within(TOLERANCE));
    assertThat(prediction.scores().get(1)).isEqualTo(1 / (1 + Math.exp(-2)), within(TOLERANCE));
  }
}
