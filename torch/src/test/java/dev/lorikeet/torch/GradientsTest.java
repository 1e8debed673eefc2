package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** The gradient of every operation that has one, against differences of its values. */
@Tag("numeric")
class GradientsTest {
  private static final double H = 1e-5;

  /**
   * A central difference in float64 is off by h²/6 of the third derivative, about 1e-10 here, and
   * by the rounding of values near 10 over h, 2e-10; the rest is room.
   */
  private static final double TOLERANCE = 1e-7;

  /** Each maps x [2, 4], float64, to something whose sum of squares is differentiated. */
  private static Map<String, UnaryOperator<Tensor>> operations() {
    return Map.ofEntries(
        Map.entry("add", x -> x.add(constant(4)).add(x, 0.5).add(2)),
        Map.entry("sub", x -> constant(2, 4).sub(x)),
        Map.entry("mul", x -> x.mul(constant(4)).mul(3)),
        Map.entry("div", x -> constant(2, 4).div(x.add(5))),
        Map.entry("pow", x -> x.pow(3)),
        Map.entry("exp", Tensor::exp),
        Map.entry("abs", Tensor::abs),
        Map.entry("tanh", Tensor::tanh),
        Map.entry("sigmoid", Tensor::sigmoid),
        Map.entry("relu", Ops::relu),
        Map.entry("silu", Ops::silu),
        Map.entry("gelu", Ops::gelu),
        Map.entry("geluTanh", Ops::geluTanh),
        Map.entry("matmul", x -> x.matmul(constant(4, 3))),
        Map.entry("linear", x -> Ops.linear(x, constant(3, 4), constant(3))),
        Map.entry("linear weight", x -> Ops.linear(constant(3, 4), x, null)),
        Map.entry("layerNorm", x -> Ops.layerNorm(x, constant(4), constant(4), 0.1)),
        Map.entry("softmax", x -> Ops.softmax(x, -1)),
        Map.entry("embedding", x -> Ops.embedding(x, Tensor.of(new long[] {1, 0, 1}, 3))),
        Map.entry("attention", x -> attention(x, 0)),
        Map.entry("attention with dropout", x -> seeded(() -> attention(x, 0.3))),
        Map.entry("dropout", x -> seeded(() -> Ops.dropout(x, 0.3))),
        Map.entry("where", x -> Ops.where(constant(4).gt(0), x, x.mul(2))),
        Map.entry("sum", x -> x.sum(0, true)),
        Map.entry("mean", x -> x.mean(1, false)),
        Map.entry("norm", Tensor::norm),
        Map.entry("max", Tensor::max),
        Map.entry("shapes", x -> x.transpose(0, 1).contiguous().reshape(8).unsqueeze(0).squeeze(0)),
        Map.entry("slices", x -> x.narrow(1, 1, 3).select(0, 1).expand(2, 3)),
        Map.entry("view", x -> x.view(2, 3)),
        Map.entry("index", x -> x.index(1, Tensor.of(new long[] {3, 3, 0}, 3))),
        Map.entry("cat", x -> Tensor.cat(List.of(x, x.mul(2)), 1)),
        Map.entry("copy and type", x -> x.copy().to(DType.FLOAT64)),
        Map.entry("crossEntropy", x -> Ops.crossEntropy(x, Tensor.of(new long[] {3, -100}, 2))),
        Map.entry("binaryCrossEntropy", x -> Ops.binaryCrossEntropy(x, constant(2, 4).sigmoid())),
        Map.entry("squaredError", x -> Ops.squaredError(x, constant(2, 4))));
  }

  private static Tensor attention(Tensor x, double dropout) {
    Tensor q = x.reshape(1, 2, 2, 2);
    return Ops.attention(q, q.mul(2), q.add(1), constant(1, 1, 1, 2), dropout);
  }

  /** The same draws in every evaluation. */
  private static Tensor seeded(Supplier<Tensor> operation) {
    Torch.seed(11);
    return operation.get();
  }

  /** Numbers of both signs between −1 and 1, the same for the same shape. */
  private static Tensor constant(long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.sin(1 + 2.3 * i);
    }
    return Tensor.of(values, shape).to(DType.FLOAT64);
  }

  @TestFactory
  Stream<DynamicTest> theGradientIsTheLimitOfDifferences() {
    return operations().entrySet().stream()
        .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> check(entry.getValue())));
  }

  private static void check(UnaryOperator<Tensor> operation) {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.of(new float[] {0.5f, -1, 2, 0.25f, -0.75f, 1.5f, -2, 1}, 2, 4);
      float[] gradient = gradient(operation, x.to(DType.FLOAT64));
      for (int i = 0; i < gradient.length; i++) {
        double difference = difference(operation, x.to(DType.FLOAT64), i);
        // The gradient is read as float32.
        double rounding = TOLERANCE * (1 + Math.abs(difference));
        assertThat((double) gradient[i])
            .as("element %s", i)
            .isCloseTo(difference, within(rounding));
      }
    }
  }

  private static float[] gradient(UnaryOperator<Tensor> operation, Tensor x) {
    try (GradMode on = GradMode.enabled()) {
      Tensor leaf = x.requiresGrad(true);
      return Ops.grad(sumOfSquares(operation.apply(leaf)), List.of(leaf)).get(0).toFloats();
    }
  }

  private static double difference(UnaryOperator<Tensor> operation, Tensor x, int element) {
    Tensor unit =
        Tensor.arange(0, x.count(), Device.CPU).eq(element).reshape(x.shape()).to(DType.FLOAT64);
    double above = sumOfSquares(operation.apply(x.add(unit, H))).item();
    double below = sumOfSquares(operation.apply(x.add(unit, -H))).item();
    return (above - below) / (2 * H);
  }

  private static Tensor sumOfSquares(Tensor y) {
    return y.mul(y).sum();
  }
}
