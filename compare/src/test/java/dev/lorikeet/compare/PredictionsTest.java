package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.Example;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;

class PredictionsTest {
  /** Double arithmetic on a handful of values. */
  private static final double TOLERANCE = 1e-12;

  private static final Example TWO_WORDS = Example.ofWords(List.of("robin", "sings"), List.of());

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
    LabelProbabilities all =
        LabelProbabilities.softmax(new float[] {9, 1, 2, 2, 9}, 1, List.of("a", "b", "c"));
    assertThat(all.top(3)).extracting(LabelScore::label).containsExactly("b", "c", "a");
  }

  @Test
  void probabilitiesAreNamedByLabel() {
    LabelProbabilities all =
        LabelProbabilities.softmax(new float[] {1, 3, 2}, 0, List.of("a", "b", "c"));
    double sum = Math.exp(1) + Math.exp(3) + Math.exp(2);
    assertThat(all.size()).isEqualTo(3);
    assertThat(all.of("a")).isEqualTo(Math.exp(1) / sum, within(TOLERANCE));
    assertThat(all.of("c")).isEqualTo(Math.exp(2) / sum, within(TOLERANCE));
    assertThat(all.top(2)).extracting(LabelScore::label).containsExactly("b", "c");
    assertThat(all.above(0.2)).extracting(LabelScore::label).containsExactly("b", "c");
    assertThatThrownBy(() -> all.of("d"))
        .isInstanceOf(NoSuchElementException.class)
        .hasMessage("no label \"d\"; there are: [a, b, c]");
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
        new WordAnswers(List.of("x", "y"), 8)
            .of(TWO_WORDS, logits, new int[] {-1, 0, 0, 1, -1}, () -> new int[0]);
    assertThat(prediction.labels()).containsExactly("y", "x");
    assertThat(prediction.scores().get(0)).isEqualTo(1 / (1 + Math.exp(-1)), within(TOLERANCE));
    assertThat(prediction.scores().get(1)).isEqualTo(1 / (1 + Math.exp(-2)), within(TOLERANCE));
    WordPrediction second = prediction.words().get(1);
    assertThat(second.index()).isEqualTo(1);
    assertThat(TWO_WORDS.text().substring(second.start(), second.end())).isEqualTo("sings");
    assertThat(second.problem()).isNull();
  }

  @Test
  void aWordWithoutTokensKeepsItsPlace() {
    float[] logits = {9, 0, 2, 0, 0, 9};
    Prediction prediction =
        new WordAnswers(List.of("x", "y"), 8)
            .of(TWO_WORDS, logits, new int[] {-1, 1, -1}, () -> new int[] {-1, 1, -1});
    assertThat(prediction.labels()).containsExactly(null, "x");
    assertThat(prediction.words())
        .extracting(WordPrediction::problem)
        .containsExactly("the tokenizer makes no token of it", null);
  }

  @Test
  void aWordThatWasCutOffIsSaidToBe() {
    float[] logits = {9, 0, 2, 0, 0, 9};
    Prediction prediction =
        new WordAnswers(List.of("x", "y"), 3)
            .of(TWO_WORDS, logits, new int[] {-1, 0, -1}, () -> new int[] {-1, 0, 1, -1});
    assertThat(prediction.labels()).containsExactly("x", null);
    assertThat(prediction.words())
        .extracting(WordPrediction::problem)
        .containsExactly(null, "cut off by max_length 3");
  }
}
