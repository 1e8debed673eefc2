package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The operations of rotary embeddings, against arithmetic. */
@Tag("numeric")
class RotaryEmbeddingTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor rotated(Tensor x, long position, float... frequencies) {
    List<Tensor> cosSin =
        Ops.angles(
            Tensor.arange(position, position + 1, Device.CPU),
            Tensor.of(frequencies, frequencies.length),
            1,
            DType.FLOAT32);
    return Ops.rotate(x, cosSin.get(0), cosSin.get(1));
  }

  @Test
  void aPairTurnsByPositionTimesFrequency() {
    Tensor x = Tensor.of(new float[] {1, 2, 3, 4, 5}, 1, 1, 1, 5); // the pairs (1, 3), (2, 4); 5
    double a = 3 * 0.5;
    double b = 3 * 0.1;
    assertThat(rotated(x, 3, 0.5f, 0.1f).toFloats())
        .containsExactly(
            new float[] {
              (float) (Math.cos(a) - 3 * Math.sin(a)),
              (float) (2 * Math.cos(b) - 4 * Math.sin(b)),
              (float) (3 * Math.cos(a) + Math.sin(a)),
              (float) (4 * Math.cos(b) + 2 * Math.sin(b)),
              5
            },
            within(1e-6f)); // a few roundings of numbers below 8
  }

  @Test
  void productsOfQueriesAndKeysDependOnTheirDistanceAlone() {
    Tensor q = Tensor.normal(0, 1, 1, 1, 1, 8);
    Tensor k = Tensor.normal(0, 1, 1, 1, 1, 8);
    float[] frequencies = {1, 0.3f, 0.1f, 0.03f};
    double near = rotated(q, 9, frequencies).mul(rotated(k, 4, frequencies)).sum().item();
    double far = rotated(q, 105, frequencies).mul(rotated(k, 100, frequencies)).sum().item();
    assertThat(far).isCloseTo(near, within(1e-4)); // angles up to 105, rounded to 4e-6
  }
}
