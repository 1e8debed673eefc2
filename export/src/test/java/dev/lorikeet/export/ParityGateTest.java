package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParityGateTest {
  private static final double TOLERANCE = 0.01;

  @Test
  void differencesWithinTheToleranceAreReported() {
    Parity parity =
        check(LabelRule.LARGEST, new float[] {1, 2, 4, 3}, new float[] {1, 2, 4, 3.005f});
    // 3.005 is not a float32: its nearest is off by less than half of 2⁻²².
    assertThat(parity.largestDifference()).isBetween(0.0049998, 0.0050002);
    assertThat(parity.changedLabels()).isZero();
    assertThat(parity.rows()).isEqualTo(2);
  }

  @Test
  void theWorstLogitIsShownWithItsPlace() {
    assertThatThrownBy(
            () -> check(LabelRule.NONE, new float[] {1, 2, 4, 3}, new float[] {1.5f, 2, 3, 3}))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "the exported model disagrees with the trained one: largest logit difference 1.0"
                + " (tolerance 0.01) at row 2, logit 0: 4.0 expected, 3.0 exported; 0 labels"
                + " changed in 2 rows: raise the tolerance only if the trained model ran in lower"
                + " precision");
  }

  @Test
  void rowsAreCountedOverBatches() {
    Checked good = batch(1, 2, new long[] {1, 1}, new float[] {1, 2});
    Checked bad = batch(1, 2, new long[] {1, 1}, new float[] {9, 2});
    assertThatThrownBy(
            () ->
                new ParityGate(LabelRule.NONE, TOLERANCE)
                    .check(answers(new float[] {1, 2}, 1, 2), List.of(good, good, bad)))
        .hasMessageContaining(" at row 3, logit 0: 9.0 expected, 1.0 exported");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void whatIsNotFiniteIsADifferenceEvenFromItself(float value) {
    for (float expected : new float[] {1, value}) {
      assertThatThrownBy(
              () -> check(LabelRule.NONE, new float[] {0, expected}, new float[] {0, value}))
          .hasMessageContaining("largest logit difference Infinity")
          .hasMessageContaining("at row 1, logit 1: " + expected + " expected, " + value);
    }
  }

  @Test
  void aChangedLabelIsRefusedThoughEachLogitIsWithinTheTolerance() {
    // 0.012 apart before, 0.006 apart the other way after; no logit moves by more than 0.009.
    assertThatThrownBy(
            () -> check(LabelRule.LARGEST, new float[] {1.012f, 1}, new float[] {1.003f, 1.009f}))
        .hasMessageContaining("1 labels changed in 1 rows, the first at row 1");
  }

  @Test
  void labelsThatTheTrainedModelHoldsNoFurtherApartThanTheToleranceMayChange() {
    assertThat(
            check(LabelRule.LARGEST, new float[] {1.009f, 1}, new float[] {1, 1.001f})
                .changedLabels())
        .isZero();
    assertThat(
            check(LabelRule.SIGN, new float[] {0.004f, 1}, new float[] {-0.004f, 1})
                .changedLabels())
        .isZero();
  }

  @Test
  void everyLabelOfSeveralCountsByItsSign() {
    assertThatThrownBy(
            () -> check(LabelRule.SIGN, new float[] {1, -1, 2, 3}, new float[] {-1, 1, 2, -3}))
        .hasMessageContaining("3 labels changed in 2 rows, the first at row 1");
  }

  @Test
  void aRegressionHasNoLabels() {
    assertThatThrownBy(() -> check(LabelRule.NONE, new float[] {1, -1}, new float[] {-1, 1}))
        .hasMessageContaining("0 labels changed");
  }

  @Test
  void aBatchWithoutMaskAndTypesHasNoPaddingAndOneText() {
    try (Scope scope = Scope.open()) {
      ModelInput input = new ModelInput(Tensor.of(new long[] {5, 6, 7, 8}, 2, 2), null, null);
      Checked batch = Checked.of(input, Tensor.of(new float[] {1, 2}, 2, 1));
      assertThat(batch.rows()).isEqualTo(2);
      assertThat(batch.length()).isEqualTo(2);
      assertThat(batch.inputIds()).containsExactly(5, 6, 7, 8);
      assertThat(batch.attentionMask()).containsOnly(1).hasSize(4);
      assertThat(batch.tokenTypeIds()).containsOnly(0).hasSize(4);
      assertThat(batch.expectedLogits()).containsExactly(1, 2);
    }
  }

  @Test
  void paddingIsNotCompared() {
    Checked batch = batch(1, 3, new long[] {1, 1, 0}, new float[] {1, 0, 1, 0, 1, 0});
    OnnxModel.Logits answer =
        new OnnxModel.Logits(new float[] {1, 0, 1, 0, Float.NaN, 9}, new long[] {1, 3, 2});
    Parity parity =
        new ParityGate(LabelRule.LARGEST, TOLERANCE).check(ignored -> answer, List.of(batch));
    assertThat(parity).isEqualTo(new Parity(0, 0, 1));
  }

  @Test
  void tokensAreNamedByRowAndPlace() {
    Checked batch = batch(2, 2, new long[] {1, 1, 1, 1}, new float[8]);
    OnnxModel.Logits answer =
        new OnnxModel.Logits(new float[] {0, 0, 0, 0, 0, 0, 0, 1}, new long[] {2, 2, 2});
    assertThatThrownBy(
            () ->
                new ParityGate(LabelRule.NONE, TOLERANCE).check(ignored -> answer, List.of(batch)))
        .hasMessageContaining(" at row 2, token 2, logit 1: 0.0 expected, 1.0 exported");
  }

  @Test
  void answersOfAnotherShapeAreRefused() {
    assertThatThrownBy(
            () -> check(LabelRule.NONE, new float[] {1, 2, 3, 4}, new float[] {1, 2, 3, 4, 5, 6}))
        .hasMessage(
            "the exported model answers [2, 3] to 2 rows of 1 tokens, the trained one 4 logits: do"
                + " both have the same head?");
  }

  @Test
  void nothingToCompareIsNoPass() {
    assertThatThrownBy(
            () ->
                new ParityGate(LabelRule.NONE, TOLERANCE)
                    .check(answers(new float[0], 0, 0), List.of()))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("no examples to check the exported model on: give it some");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void aToleranceIsAPositiveNumber(double tolerance) {
    assertThatThrownBy(() -> new ParityGate(LabelRule.NONE, tolerance))
        .isInstanceOf(UsageException.class)
        .hasMessage("tolerance is " + tolerance + ": use a positive number");
  }

  @Test
  void theRuleFollowsTheHead() {
    ModelConfig config = Golden.open("bert-classify-lora").config();
    assertThat(LabelRule.of(null, config)).isEqualTo(LabelRule.NONE);
    assertThat(LabelRule.of(HeadType.SEQUENCE_CLASSIFICATION, config)).isEqualTo(LabelRule.LARGEST);
    assertThat(LabelRule.of(HeadType.TOKEN_CLASSIFICATION, config)).isEqualTo(LabelRule.LARGEST);
    assertThat(LabelRule.of(HeadType.MASKED_LM, config)).isEqualTo(LabelRule.LARGEST);
    assertThat(rule("bert-multilabel-bitfit-bias")).isEqualTo(LabelRule.SIGN);
    assertThat(rule("bert-regress-lora-all-linear")).isEqualTo(LabelRule.NONE);
  }

  private static LabelRule rule(String golden) {
    return LabelRule.of(Golden.open(golden).task(), Golden.open(golden).config());
  }

  /** Compares rows of two logits each, one token a row. */
  private static Parity check(LabelRule rule, float[] expected, float[] actual) {
    int rows = expected.length / 2;
    Checked batch = batch(rows, 1, new long[rows], expected);
    return new ParityGate(rule, TOLERANCE)
        .check(answers(actual, rows, actual.length / rows), List.of(batch));
  }

  private static Checked batch(int rows, int length, long[] mask, float[] expected) {
    int tokens = rows * length;
    return new Checked(rows, length, new long[tokens], mask, new long[tokens], expected);
  }

  private static ParityGate.Runner answers(float[] logits, long... shape) {
    return batch -> new OnnxModel.Logits(logits, shape);
  }
}
