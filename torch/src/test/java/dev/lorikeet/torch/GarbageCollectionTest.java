package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What autograd keeps between forward and backward must not lie in memory that Java's collector
 * frees. (DJL's own {@code x.mul(Number)} fails exactly here.)
 */
class GarbageCollectionTest {
  private static final int ROUNDS = 40;

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
  void numbersInTheGraphSurviveTheCollector() {
    for (int round = 1; round <= ROUNDS; round++) {
      try (Scope inner = Scope.open();
          GradMode on = GradMode.enabled()) {
        Tensor x = Tensor.of(new float[] {round, -2}, 2).requiresGrad(true);
        Tensor y = x.mul(3).add(x, 0.5).add(1).mul(x).add(x.pow(2)).sum(); // 4.5 x² + x
        Garbage.churn();
        // Whole and half numbers: float32 has no rounding here.
        assertThat(Ops.grad(y, List.of(x)).get(0).toFloats())
            .containsExactly(9 * round + 1, 9 * -2 + 1);
      }
    }
  }

  @Test
  void tensorsMadeFromBuffersSurviveTheCollector() {
    List<Tensor> tensors = new ArrayList<>();
    for (int i = 0; i < ROUNDS; i++) {
      tensors.add(Tensor.of(new float[] {i, -i, 0.5f * i}, 3));
    }
    Garbage.churn();
    for (int i = 0; i < ROUNDS; i++) {
      assertThat(tensors.get(i).toFloats()).containsExactly(i, -i, 0.5f * i);
    }
  }

  @Test
  void aNetworksGradientsAreTheSameBytesWithAndWithoutTheCollector() {
    try (Network network = new Network(16, 0.1)) {
      List<byte[]> expected = gradients(network, false);
      for (int round = 0; round < ROUNDS; round++) {
        List<byte[]> found = gradients(network, true);
        for (int i = 0; i < expected.size(); i++) {
          assertThat(found.get(i))
              .as("round %s, parameter %s", round, i)
              .isEqualTo(expected.get(i));
        }
      }
    }
  }

  private static List<byte[]> gradients(Network network, boolean collect) {
    try (Scope inner = Scope.open();
        GradMode on = GradMode.enabled()) {
      Torch.seed(3);
      Tensor loss = network.loss(4, 6, 1);
      if (collect) {
        Garbage.churn();
      }
      return network.gradients(loss).stream().map(Tensor::toBytes).toList();
    }
  }
}
