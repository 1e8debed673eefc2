package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The operations that change parameters and gradients, against their formulas in double. */
@Tag("numeric")
class UpdatesTest {
  private static final double LEARNING_RATE = 0.01;
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double DECAY = 0.1;
  private static final double EPS = 1e-8;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** torch.optim.AdamW as its documentation writes it, for one parameter vector. */
  private static final class Reference {
    private final double[] p;
    private final double[] m;
    private final double[] v;
    private int t;

    Reference(float[] start) {
      p = doubles(start);
      m = new double[p.length];
      v = new double[p.length];
    }

    void step(float[] gradient) {
      t++;
      for (int i = 0; i < p.length; i++) {
        p[i] -= LEARNING_RATE * DECAY * p[i];
        m[i] = BETA1 * m[i] + (1 - BETA1) * gradient[i];
        v[i] = BETA2 * v[i] + (1 - BETA2) * gradient[i] * gradient[i];
        double mean = m[i] / (1 - Math.pow(BETA1, t));
        double square = v[i] / (1 - Math.pow(BETA2, t));
        p[i] -= LEARNING_RATE * mean / (Math.sqrt(square) + EPS);
      }
    }
  }

  @Test
  void fiveStepsOfAdamwAreThoseOfTheFormula() {
    float[] firstStart = {1, -2, 0.5f, 0};
    float[] secondStart = {-0.25f, 3};
    Reference first = new Reference(firstStart);
    Reference second = new Reference(secondStart);
    List<Tensor> parameters = List.of(Tensor.of(firstStart, 2, 2), Tensor.of(secondStart, 2));
    List<Tensor> m = zerosLike(parameters);
    List<Tensor> v = zerosLike(parameters);
    List<Tensor> steps = List.of(Tensor.of(new float[1]), Tensor.of(new float[1]));
    for (int step = 1; step <= 5; step++) {
      // Large, small, zero and sign-changing gradients.
      float[] firstGradient = {step, -1e-4f * step, 0, step % 2 == 0 ? 1 : -1};
      float[] secondGradient = {100f / step, 1e-9f};
      first.step(firstGradient);
      second.step(secondGradient);
      Updates.adamwInPlace(
          parameters,
          List.of(Tensor.of(firstGradient, 2, 2), Tensor.of(secondGradient, 2)),
          m,
          v,
          steps,
          LEARNING_RATE,
          BETA1,
          BETA2,
          DECAY,
          EPS);
    }
    // Numbers up to 3 in float32, rounded about five times in each of five steps: 25 · 1.8e-7.
    assertClose(parameters.get(0), first.p, 4.5e-6);
    assertClose(parameters.get(1), second.p, 4.5e-6);
    // Means are sums of a few terms of the gradients' size.
    assertClose(m.get(0), first.m, 5 * 5 * 6e-8);
    assertClose(v.get(0), first.v, 5 * 25 * 6e-8);
    assertThat(steps).allMatch(count -> count.item() == 5);
  }

  @Test
  void aGradientThatLiesInMemoryColumnByColumnGivesTheSameStep() {
    Tensor gradient = Tensor.of(new float[] {1, -1, 1, -1, 1, -1}, 2, 3);
    Tensor byColumns = gradient.transpose(0, 1).contiguous().transpose(0, 1);
    assertThat(byColumns.sameAs(gradient)).isTrue();
    assertThat(oneStep(byColumns)).isEqualTo(oneStep(gradient));
  }

  private static float[] oneStep(Tensor gradient) {
    List<Tensor> parameters = List.of(Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
    Updates.adamwInPlace(
        parameters,
        List.of(gradient),
        zerosLike(parameters),
        zerosLike(parameters),
        List.of(Tensor.of(new float[1])),
        LEARNING_RATE,
        BETA1,
        BETA2,
        DECAY,
        EPS);
    return parameters.get(0).toFloats();
  }

  @Test
  void clippingScalesToTheGreatestNormByTorchsFormula() {
    float[] a = {3, 0};
    float[] b = {0, 4, 12};
    List<Tensor> gradients = List.of(Tensor.of(a, 2), Tensor.of(b, 3));
    double norm = Updates.clipInPlace(gradients, 2).item();
    assertThat(norm).isEqualTo(13);
    double factor = 2 / (13 + 1e-6);
    // One product in float32: half a unit in the last place of 2.
    assertClose(gradients.get(0), scaled(a, factor), 2.4e-7);
    assertClose(gradients.get(1), scaled(b, factor), 2.4e-7);
    assertThat(Updates.totalNorm(gradients).item()).isCloseTo(2, within(1e-6));
  }

  @Test
  void gradientsWithinTheNormAreLeftBitForBit() {
    Tensor gradient = Tensor.of(new float[] {0.1f, -0.7f, 1e-30f}, 3);
    Tensor before = gradient.copy();
    Updates.clipInPlace(List.of(gradient), 1);
    assertThat(gradient.sameAs(before)).isTrue();
  }

  @Test
  void clippingKeepsTheBadNumberInSight() {
    Tensor gradient = Tensor.of(new float[] {1, Float.NaN}, 2);
    assertThat(Updates.clipInPlace(List.of(gradient), 1).item()).isNaN();
  }

  @Test
  void scalingAndAccumulatingReachEveryTensor() {
    List<Tensor> sums = List.of(Tensor.of(new float[] {1, 2}, 2), Tensor.of(new float[] {3}, 1));
    Updates.scaleInPlace(sums, 4);
    Updates.accumulateInPlace(
        sums, List.of(Tensor.of(new float[] {1, 1}, 2), Tensor.of(new float[] {-12}, 1)));
    assertThat(sums.get(0).toFloats()).containsExactly(5, 9);
    assertThat(sums.get(1).toFloats()).containsExactly(0);
  }

  private static List<Tensor> zerosLike(List<Tensor> tensors) {
    return tensors.stream().map(x -> Tensor.zeros(DType.FLOAT32, Device.CPU, x.shape())).toList();
  }

  private static double[] doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static double[] scaled(float[] values, double factor) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i] * factor).toArray();
  }

  private static void assertClose(Tensor actual, double[] expected, double tolerance) {
    assertThat(doubles(actual.toFloats())).containsExactly(expected, within(tolerance));
  }
}
