package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every operation once, against values worked out by hand. */
@Tag("numeric")
class ArithmeticTest {
  /** Two units in the last place of float32 numbers up to 8. */
  private static final float ROUNDING = 1e-6f;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor vector(double... values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return Tensor.of(floats, floats.length);
  }

  private static Tensor matrix(int rows, double... values) {
    return vector(values).reshape(rows, -1);
  }

  private static void assertClose(Tensor actual, double... expected) {
    assertThat(actual.toFloats()).containsExactly(vector(expected).toFloats(), within(ROUNDING));
  }

  // ---- arithmetic ----

  @Test
  void sumsDifferencesProductsAndQuotients() {
    Tensor x = vector(1, -2);
    Tensor y = vector(4, 8);
    assertThat(x.add(y).toFloats()).containsExactly(5, 6);
    assertThat(x.add(y, 0.5).toFloats()).containsExactly(3, 2);
    assertThat(x.add(0.25).toFloats()).containsExactly(1.25f, -1.75f);
    assertThat(x.sub(y).toFloats()).containsExactly(-3, -10);
    assertThat(x.mul(y).toFloats()).containsExactly(4, -16);
    assertThat(x.mul(-3).toFloats()).containsExactly(-3, 6);
    assertThat(x.div(y).toFloats()).containsExactly(0.25f, -0.25f);
  }

  @Test
  void shapesBroadcast() {
    Tensor column = matrix(2, 10, 20);
    assertThat(column.add(vector(1, 2, 3)).toFloats()).containsExactly(11, 12, 13, 21, 22, 23);
  }

  @Test
  void functionsOfOneNumber() {
    Tensor x = vector(0, 1, -2);
    assertThat(x.pow(3).toFloats()).containsExactly(0, 1, -8);
    assertThat(x.abs().toFloats()).containsExactly(0, 1, 2);
    assertClose(x.exp(), 1, Math.E, Math.exp(-2));
    assertClose(x.tanh(), 0, Math.tanh(1), Math.tanh(-2));
    assertClose(x.sigmoid(), 0.5, 1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(2)));
    assertThat(Ops.relu(x).toFloats()).containsExactly(0, 1, 0);
    assertClose(Ops.silu(x), 0, 1 / (1 + Math.exp(-1)), -2 / (1 + Math.exp(2)));
    // Φ(1) and Φ(−2) of the normal distribution
    assertClose(Ops.gelu(x), 0, 0.8413447460685429, -2 * 0.02275013194817921);
    assertClose(Ops.geluTanh(x), 0, tanhGelu(1), tanhGelu(-2));
  }

  private static double tanhGelu(double x) {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  @Test
  void matricesMultiply() {
    Tensor x = matrix(2, 1, 2, 3, 4);
    assertThat(x.matmul(matrix(2, 0, 1, 1, 0)).toFloats()).containsExactly(2, 1, 4, 3);
  }

  @Test
  void comparisonsAreTrueOrFalse() {
    Tensor x = vector(1, 2, 3);
    assertThat(x.eq(vector(1, 0, 3)).dtype()).isEqualTo(DType.BOOL);
    assertThat(x.eq(vector(1, 0, 3)).toLongs()).containsExactly(1, 0, 1);
    assertThat(x.eq(2).toLongs()).containsExactly(0, 1, 0);
    assertThat(x.gt(1.5).toLongs()).containsExactly(0, 1, 1);
    assertThat(Ops.where(x.gt(1.5), x, x.mul(-1)).toFloats()).containsExactly(-1, 2, 3);
  }

  // ---- reductions ----

  @Test
  void reductionsGoOverAllOrOneAxis() {
    Tensor x = matrix(2, 1, 2, 3, 6, 5, 4);
    assertThat(x.sum().item()).isEqualTo(21);
    assertThat(x.sum(0, false).toFloats()).containsExactly(7, 7, 7);
    assertThat(x.sum(1, true).shape()).containsExactly(2, 1);
    assertThat(x.mean(-1, false).toFloats()).containsExactly(2, 5);
    assertThat(x.max().item()).isEqualTo(6);
    assertThat(x.argmax(1).toLongs()).containsExactly(2, 0);
    assertThat(vector(3, -4).norm().item()).isEqualTo(5);
    // In float32 the sum of the squares would still be 2^24.
    assertThat(vector(4096, 1).norm(DType.FLOAT64).item()).isEqualTo(Math.sqrt(16_777_217));
  }

  // ---- shape ----

  @Test
  void shapesChangeWithoutTouchingValues() {
    Tensor x = matrix(2, 1, 2, 3, 4, 5, 6);
    assertThat(x.reshape(3, 2).shape()).containsExactly(3, 2);
    assertThat(x.transpose(0, -1).contiguous().toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
    assertThat(x.unsqueeze(1).shape()).containsExactly(2, 1, 3);
    assertThat(x.unsqueeze(1).squeeze(1).shape()).containsExactly(2, 3);
    assertThat(vector(7).expand(3).toFloats()).containsExactly(7, 7, 7);
  }

  @Test
  void slicesAreTakenAlongAnAxis() {
    Tensor x = matrix(2, 1, 2, 3, 4, 5, 6);
    assertThat(x.select(1, 2).toFloats()).containsExactly(3, 6);
    assertThat(x.narrow(1, 1, 2).toFloats()).containsExactly(2, 3, 5, 6);
    assertThat(x.index(1, Tensor.of(new long[] {2, 0}, 2)).toFloats()).containsExactly(3, 1, 6, 4);
    assertThat(Tensor.cat(List.of(x, matrix(2, 8, 9)), 1).toFloats())
        .containsExactly(1, 2, 3, 8, 4, 5, 6, 9);
  }

  // ---- layers ----

  @Test
  void anEmbeddingTakesRows() {
    Tensor ids = Tensor.of(new long[] {1, 1, 0}, 3);
    assertThat(Ops.embedding(matrix(2, 1, 2, 3, 4), ids).toFloats())
        .containsExactly(3, 4, 3, 4, 1, 2);
  }

  @Test
  void aLayerNormStandardisesTheLastAxis() {
    Tensor x = matrix(2, 1, 3, -10, 30);
    Tensor y = Ops.layerNorm(x, vector(2, 1), vector(0, 5), 0.5);
    double first = 1 / Math.sqrt(1.5);
    double second = 20 / Math.sqrt(400.5);
    assertClose(y, -2 * first, first + 5, -2 * second, second + 5);
  }

  @Test
  void softmaxSumsToOneAlongItsAxis() {
    assertClose(Ops.softmax(matrix(1, 0, Math.log(3)), -1), 0.25, 0.75);
    assertClose(Ops.softmax(matrix(2, 0, Math.log(3)), 0), 0.25, 0.75);
  }

  @Test
  void attentionMixesValuesByTheirScores() {
    // One head, d = 4: scores q·k/2 are 0, log 3 and masked.
    Tensor q = vector(2, 0, 0, 0).reshape(1, 1, 1, 4);
    Tensor k = vector(0, 1, 0, 0, Math.log(3), 0, 0, 0, 50, 0, 0, 0).reshape(1, 3, 1, 4);
    Tensor v = vector(4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 4, 0).reshape(1, 3, 1, 4);
    Tensor mask = vector(0, 0, Double.NEGATIVE_INFINITY).reshape(1, 1, 1, 3);
    assertClose(Ops.attention(q, k, v, mask, 0), 1, 3, 0, 0);
    assertThat(Ops.attention(q, k, v, null, 0).toFloats()[2]).isGreaterThan(3.9f);
  }

  @Test
  void withoutDropoutNothingIsDropped() {
    Tensor x = vector(1, 2);
    assertThat(Ops.dropout(x, 0)).isSameAs(x);
  }

  // ---- LoRA ----

  @Test
  void aLoraUpdateFoldsIntoItsWeight() {
    Tensor weight = matrix(2, 1, 2, 3, 4, 5, 6);
    Tensor a = matrix(1, 1, 0, -1);
    Tensor b = matrix(2, 10, 20);
    assertThat(Ops.loraWeight(weight, a, b, 0.5).toFloats()).containsExactly(6, 2, -2, 14, 5, -4);
    assertThat(Ops.loraWeight(weight.to(DType.BFLOAT16), a, b, 0.5).dtype())
        .isEqualTo(DType.BFLOAT16);
  }

  @Test
  void theGradientsOfALoraUpdateAreThoseOfAutograd() {
    try (GradMode on = GradMode.enabled()) {
      Tensor x = matrix(4, 1, 2, 3, -1, 0, 2, 0, 1, 1, 2, 2, -3).reshape(2, 2, 3);
      Tensor a = matrix(2, 1, 0, -1, 2, 1, 0).requiresGrad(true);
      Tensor b = matrix(2, 3, 1, -2, 1).requiresGrad(true);
      Tensor dy = matrix(4, 1, 2, -1, 0, 3, 1, 0, -2).reshape(2, 2, 2);
      Tensor y = Ops.linear(Ops.linear(x, a, null), b, null).mul(0.5);
      List<Tensor> expected = Ops.grad(y.mul(dy).sum(), List.of(a, b));
      List<Tensor> found = Ops.loraGradients(x, dy, a, b, 0.5);
      // Small whole and half numbers: nothing is rounded.
      assertThat(found.get(0).sameAs(expected.get(0))).isTrue();
      assertThat(found.get(1).sameAs(expected.get(1))).isTrue();
    }
  }

  // ---- losses ----

  @Test
  void crossEntropySumsOverTheLabelsThatCount() {
    Tensor logits = matrix(3, 0, Math.log(3), 9, 9, 7, 7);
    Tensor labels = Tensor.of(new long[] {0, -100, 1}, 3);
    assertClose(Ops.crossEntropy(logits, labels), Math.log(4) + Math.log(2));
    assertThat(Ops.crossEntropy(logits, Tensor.of(new long[] {-100, -100, -100}, 3)).item())
        .isZero();
  }

  @Test
  void binaryCrossEntropySumsOverAllLabels() {
    Tensor logits = matrix(1, 0, Math.log(3));
    assertClose(Ops.binaryCrossEntropy(logits, matrix(1, 1, 0)), Math.log(2) + Math.log(4));
  }

  @Test
  void squaredErrorIsASum() {
    assertThat(Ops.squaredError(vector(1, 5), vector(3, 4)).item()).isEqualTo(5);
  }
}
