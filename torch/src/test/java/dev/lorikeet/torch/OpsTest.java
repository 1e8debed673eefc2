package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("numeric")
class OpsTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void linearIsXTimesTransposedWeightPlusBias() {
    Tensor x = Tensor.of(new float[] {1, 2}, 1, 2);
    Tensor w = Tensor.of(new float[] {1, 0, 0, 1, 1, 1}, 3, 2);
    assertThat(Ops.linear(x, w, Tensor.of(new float[] {10, 20, 30}, 3)).toFloats())
        .containsExactly(11, 22, 33);
    assertThat(Ops.linear(x, w, null).toFloats()).containsExactly(1, 2, 3);
  }

  /**
   * Wide enough that {@link MatrixKernel} may take its other way; a batch whose rows are no round
   * number.
   */
  @Test
  void wideLinearAndItsGradientsEqualTheMatrixProducts() {
    try (GradMode on = GradMode.enabled()) {
      Tensor x = Tensor.normal(0, 1, 3, 17, 96).requiresGrad(true);
      Tensor w = Tensor.normal(0, 1, 128, 96).requiresGrad(true);
      Tensor b = Tensor.normal(0, 1, 128).requiresGrad(true);
      Tensor dy = Tensor.normal(0, 1, 3, 17, 128);
      Tensor y = Ops.linear(x, w, b);
      Tensor product = x.matmul(w.transpose(0, 1)).add(b);
      close(y, product);
      close(Ops.linear(x.transpose(0, 1), w, null), x.transpose(0, 1).matmul(w.transpose(0, 1)));
      List<Tensor> inputs = List.of(x, w, b);
      List<Tensor> gradients = Ops.grad(y.mul(dy).sum(), inputs);
      List<Tensor> expected = Ops.grad(product.mul(dy).sum(), inputs);
      for (int i = 0; i < 3; i++) {
        close(gradients.get(i), expected.get(i));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(MatrixKernel.class)
  void theInputsGradientIsTheProductWithTheWeightWhicheverKernelMakesIt(MatrixKernel kernel) {
    Tensor x = Tensor.normal(0, 1, 3, 17, 96);
    Tensor w = Tensor.normal(0, 1, 128, 96);
    Tensor dy = Tensor.normal(0, 1, 3, 17, 128);
    Tensor sum = Tensor.normal(0, 1, 3, 17, 96);
    Tensor before = sum.copy();
    Tensor product = dy.matmul(w);
    close(Torch.tensor(kernel.inputGradient(), x, dy, w, null), product);
    Torch.tensor(kernel.inputGradient(), x, dy, w, sum);
    close(sum, before.add(product));
  }

  /** Sums of at most 128 products near 1, in another order: a few ulps of values up to 50. */
  private static void close(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.sub(expected).abs().max().item()).isLessThan(5e-5);
  }

  /** T = 2: distances 1, 0 and −1 of the first token, then of the second. */
  @Test
  void scoresOfDistancesBecomeScoresOfPairs() {
    Tensor x = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 1, 1, 2, 3);
    assertThat(Ops.ofDistances(x).toFloats()).containsExactly(2, 3, 4, 5);
    assertThat(Ops.ofDistances(x.narrow(2, 1, 1).narrow(3, 1, 1)).toFloats()).containsExactly(5);
    try (GradMode on = GradMode.enabled()) {
      Tensor leaf = x.copy().requiresGrad(true);
      Tensor weights = Tensor.of(new float[] {7, 8, 9, 10}, 1, 1, 2, 2);
      Tensor loss = Ops.ofDistances(leaf).mul(weights).sum();
      assertThat(Ops.grad(loss, List.of(leaf)).get(0).toFloats())
          .containsExactly(0, 7, 8, 9, 10, 0);
    }
  }

  /** A kernel of three over two features, by itself and in two groups. */
  @Test
  void convolutionRunsAlongTheSequenceWithZerosBeyondItsEnds() {
    Tensor x = Tensor.of(new float[] {1, 10, 2, 20, 3, 30}, 1, 3, 2);
    Tensor bias = Tensor.of(new float[] {0.5f, 0}, 2);
    Tensor kernel = Tensor.of(new float[] {1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 2, 0}, 2, 2, 3);
    // The first output is the feature before less that after; the second twice the second feature.
    assertThat(Ops.convolution(x, kernel, bias, 1).toFloats())
        .containsExactly(-1.5f, 20, -1.5f, 40, 2.5f, 60);
    Tensor grouped = Tensor.of(new float[] {1, 0, -1, 0, 2, 0}, 2, 1, 3);
    assertThat(Ops.convolution(x, grouped, bias, 2).toFloats())
        .containsExactly(-1.5f, 20, -1.5f, 40, 2.5f, 60);
  }

  /** Where the mask itself needs gradients, and where it does not, attention is the same. */
  @Test
  void attentionIsTheSameWithAMaskThatNeedsGradients() {
    Tensor q = Tensor.normal(0, 1, 2, 5, 3, 4);
    Tensor k = Tensor.normal(0, 1, 2, 5, 3, 4);
    Tensor mask = Tensor.normal(0, 1, 2, 3, 5, 5);
    Tensor plain = Ops.attention(q, k, k, mask, 0, 0.3);
    try (GradMode on = GradMode.enabled()) {
      close(Ops.attention(q, k, k, mask.copy().requiresGrad(true), 0, 0.3), plain);
    }
  }

  @Test
  void gradientOfASquareIsTwiceTheValueAndAnUnusedInputHasNone() {
    try (GradMode on = GradMode.enabled()) {
      Tensor x = Tensor.of(new float[] {3, -4}, 2).requiresGrad(true);
      Tensor unused = Tensor.of(new float[] {1}, 1).requiresGrad(true);
      List<Tensor> gradients = Ops.grad(x.mul(x).sum(), List.of(x, unused));
      assertThat(gradients.get(0).toFloats()).containsExactly(6, -8);
      assertThat(gradients.get(1).count()).isZero();
    }
  }

  @Test
  void dropoutKeepsTheExpectedShareAndScalesIt() {
    Torch.seed(1);
    float[] values =
        Ops.dropout(Tensor.full(1, DType.FLOAT32, Device.CPU, 1000, 1001), 0.1).toFloats();
    int dropped = 0;
    for (float value : values) {
      if (value == 0) {
        dropped++;
      } else {
        assertThat(value).isEqualTo(65536f / (65536 - 6554));
      }
    }
    // One million draws: the standard deviation of the share is 3e-4; five of them.
    assertThat((double) dropped / values.length).isCloseTo(0.1, within(1.5e-3));
  }

  @Test
  void attentionWithTinyDropoutAgreesWithTheFusedKernel() {
    Tensor q = Tensor.normal(0, 1, 2, 5, 3, 8);
    Tensor k = Tensor.normal(0, 1, 2, 5, 3, 8);
    Tensor v = Tensor.normal(0, 1, 2, 5, 3, 8);
    Tensor mask = Tensor.of(new float[] {0, 0, 0, Float.NEGATIVE_INFINITY, 0}, 1, 1, 1, 5);
    float[] fused = Ops.attention(q, k, v, mask, 0).toFloats();
    float[] composed = Ops.attention(q, k, v, mask, 1e-9).toFloats();
    for (int i = 0; i < fused.length; i++) {
      // float32 sums of at most 8 terms near 1
      assertThat(composed[i]).isCloseTo(fused[i], within(2e-6f));
    }
  }

  @Test
  void bfloat16RoundsAndKnowsItsType() {
    Tensor x = Tensor.of(new float[] {1.001f, 3}, 2).to(DType.BFLOAT16);
    assertThat(x.dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(x.toFloats()).containsExactly(1, 3);
    assertThat(x.toBytes()).containsExactly(0x80, 0x3f, 0x40, 0x40);
  }

  @Test
  void totalNormIsOverAllTensors() {
    assertThat(
            Updates.totalNorm(
                    List.of(Tensor.of(new float[] {3}, 1), Tensor.of(new float[] {0, 4}, 2)))
                .item())
        .isEqualTo(5);
  }

  @Test
  void aQrDecompositionHasOrthonormalColumnsAndGivesTheMatrixBack() {
    Tensor x = Tensor.normal(0, 1, 5, 3);
    List<Tensor> qr = Ops.qr(x);
    assertThat(qr.get(0).shape()).containsExactly(5, 3);
    close(qr.get(0).matmul(qr.get(1)), x);
    close(qr.get(0).transpose(0, 1).matmul(qr.get(0)), identity(3));
    assertThat(qr.get(1).toFloats()[3]).isZero(); // below the diagonal
  }

  @Test
  void singularValuesFallAndGiveTheMatrixBack() {
    Tensor x = Tensor.normal(0, 1, 3, 5);
    List<Tensor> usv = Ops.svd(x);
    close(usv.get(0).mul(usv.get(1)).matmul(usv.get(2)), x);
    close(usv.get(2).matmul(usv.get(2).transpose(0, 1)), identity(3));
    float[] values = usv.get(1).toFloats();
    assertThat(values).isSortedAccordingTo((a, b) -> Float.compare(b, a)).hasSize(3);
  }

  private static Tensor identity(int n) {
    float[] values = new float[n * n];
    for (int i = 0; i < n; i++) {
      values[i * n + i] = 1;
    }
    return Tensor.of(values, n, n);
  }

  @Test
  void normsAlongAnAxisAreRootsOfSumsOfSquares() {
    Tensor x = Tensor.of(new float[] {3, 0, 4, 12}, 2, 2);
    assertThat(x.norm(0).toFloats()).containsExactly(5, 12);
    assertThat(x.norm(1).toFloats()).containsExactly(3, (float) Math.sqrt(160));
  }

  // ---- grouped attention ----

  private static Tensor repeated(Tensor x, int times) {
    List<Tensor> copies = new ArrayList<>();
    for (int head = 0; head < x.size(2); head++) {
      copies.addAll(Collections.nCopies(times, x.narrow(2, head, 1)));
    }
    return Tensor.cat(copies, 2);
  }

  @Test
  void headsInAGroupShareKeysAndValues() {
    Tensor k = Tensor.normal(0, 1, 2, 5, 2, 8);
    Tensor v = Tensor.normal(0, 1, 2, 5, 2, 8);
    for (int tokens : new int[] {1, 5}) {
      Tensor q = Tensor.normal(0, 1, 2, tokens, 6, 8);
      Tensor mask = Tensor.normal(0, 1, 2, 1, tokens, 5);
      Tensor expected = Ops.attention(q, repeated(k, 3), repeated(v, 3), mask, 0, 0.3);
      close(Ops.groupedAttention(q, k, v, mask, false, 0, 0.3), expected);
      close(Ops.groupedAttentionInSteps(q, k, v, mask, false, 0, 0.3, 0), expected);
    }
  }

  @Test
  void causalGroupedAttentionSeesNothingLater() {
    Tensor q = Tensor.normal(0, 1, 2, 5, 4, 8);
    Tensor k = Tensor.normal(0, 1, 2, 5, 2, 8);
    Tensor v = Tensor.normal(0, 1, 2, 5, 2, 8);
    float[] later = new float[25];
    for (int i = 0; i < later.length; i++) {
      later[i] = i % 5 > i / 5 ? Float.NEGATIVE_INFINITY : 0;
    }
    Tensor mask = Tensor.of(later, 1, 1, 5, 5);
    Tensor expected = Ops.attention(q, repeated(k, 2), repeated(v, 2), mask, 0, 0.3);
    close(Ops.groupedAttention(q, k, v, null, true, 0, 0.3), expected);
    close(Ops.groupedAttentionInSteps(q, k, v, null, true, 0, 0.3, 0), expected);
    Torch.seed(1);
    Tensor dropped = Ops.groupedAttention(q, k, v, null, true, 0.5, 0.3);
    Torch.seed(1);
    close(dropped, Ops.groupedAttentionInSteps(q, k, v, null, true, 0.5, 0.3, 0));
    assertThat(dropped.sub(expected).abs().max().item()).isGreaterThan(0.1);
  }

  @Test
  void aCapBendsScores() {
    Tensor q = Tensor.of(new float[] {4}, 1, 1, 1, 1);
    Tensor k = Tensor.of(new float[] {0, 1}, 1, 2, 1, 1);
    Tensor v = Tensor.of(new float[] {0, 1}, 1, 2, 1, 1);
    double bent = 3 * Math.tanh(4.0 / 3);
    Tensor context = Ops.groupedAttentionInSteps(q, k, v, null, false, 0, 1, 3);
    assertThat(context.item())
        .isCloseTo(Math.exp(bent) / (1 + Math.exp(bent)), within(1e-6)); // some roundings below 1
  }

  // ---- RMS norm ----

  @Test
  void rmsNormDividesByTheRootMeanSquare() {
    Tensor x = Tensor.of(new float[] {3, 4, 0, 0}, 2, 2);
    Tensor weight = Tensor.of(new float[] {1, 2}, 2);
    float r = (float) (1 / Math.sqrt(12.5 + 0.5));
    assertThat(Ops.rmsNorm(x, weight, 0.5).toFloats())
        .containsExactly(new float[] {3 * r, 8 * r, 0, 0}, within(1e-6f)); // roundings below 3
    assertThat(Ops.rmsNorm(x, weight, 0.5, 1).toFloats())
        .containsExactly(new float[] {6 * r, 12 * r, 0, 0}, within(1e-6f));
  }

  @Test
  void rmsNormHasGradientsEverywhere() {
    try (GradMode on = GradMode.enabled()) {
      Tensor x = Tensor.of(new float[] {3, 4, 0, 0}, 2, 2).requiresGrad(true);
      Tensor y = Ops.rmsNorm(x, Tensor.full(1, DType.FLOAT32, Device.CPU, 2), 0.5);
      Tensor dx = Ops.grad(y.select(1, 0).sum(), List.of(x)).get(0);
      double r = 1 / Math.sqrt(13);
      // d(x₀ r)/dx₀ = r − x₀² r³ / 2 and d(x₀ r)/dx₁ = −x₀ x₁ r³ / 2; at 0 it is 1/√0.5
      float[] expected = {
        (float) (r - 4.5 * r * r * r), (float) (-6 * r * r * r), (float) Math.sqrt(2), 0
      };
      assertThat(dx.toFloats()).containsExactly(expected, within(1e-6f)); // roundings below 2
    }
  }
}
