package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What A and B of a layer [48, 32] start with. */
@Tag("numeric")
class LoraInitTest {
  private static final int RANK = 4;
  private static final double SCALING = 2.5;

  private Scope scope;
  private Model model;
  private Linear layer;

  @BeforeEach
  void open() {
    scope = Scope.open();
    model = TinyBert.open(TinyBert.CLASSIFY);
    ProjectionSlot slot = model.projections().get("bert.encoder.layer.0.intermediate.dense");
    layer = Objects.requireNonNull(slot).base();
    Torch.seed(7);
  }

  @AfterEach
  void close() {
    model.close();
    scope.close();
  }

  private LoraInit.Start start(String init) {
    return LoraInit.of(init).start(layer, RANK, SCALING);
  }

  private static double largest(Tensor x) {
    return x.abs().max().item();
  }

  /** Deviation of uniform draws: their bound over √3. */
  @Test
  void withoutAnInitialisationBIsDrawnToo() {
    LoraInit.Start start = start("false");
    assertThat(largest(start.a())).isLessThanOrEqualTo(1 / Math.sqrt(32));
    assertThat(largest(start.b())).isBetween(0.4, 0.5); // U(−1/√4, 1/√4), 192 draws
    double deviation = Math.sqrt(start.b().pow(2).reshape(-1).mean(0, false).item());
    // The square of a uniform draw deviates by 2/√45 of its bound's: over √192 draws, four times.
    assertThat(deviation * deviation).isCloseTo(0.25 / 3, within(4 * 0.25 * 0.298 / 13.9));
  }

  @Test
  void orthogonalStartsHaveNoProduct() {
    LoraInit.Start start = start("orthogonal");
    assertThat(largest(start.a())).isGreaterThan(0.01);
    assertThat(largest(start.b())).isGreaterThan(0.01);
    // Sums of four products of numbers below 0.4.
    assertThat(largest(start.b().matmul(start.a()))).isLessThan(4 * 0.4 * 0.4 * 1e-6);
  }

  @Test
  void oloraTakesTheLeadingColumnsOfTheQrDecomposition() {
    LoraInit.Start start = start("olora");
    assertThat(largest(start.b().transpose(0, 1).matmul(start.b()).sub(identity())))
        .isLessThan(1e-6);
    // R is triangular, so that the first column of W is that of Q₁ R₁.
    Tensor first = layer.matrix(DType.FLOAT32).narrow(1, 0, RANK);
    assertThat(largest(start.b().matmul(start.a().narrow(1, 0, RANK)).sub(first))).isLessThan(1e-6);
  }

  @ParameterizedTest
  @CsvSource({"pissa, 1e-6", "pissa_niter_1000, 1e-5"})
  void pissaTakesTheLargestSingularValues(String init, double tolerance) {
    LoraInit.Start start = start(init);
    Tensor w = layer.matrix(DType.FLOAT32);
    SingularValues all = SingularValues.of(w, 32);
    Tensor rest = w.sub(start.b().matmul(start.a()).mul(SCALING));
    SingularValues left = SingularValues.of(rest, 32 - RANK);
    // What is left has the other singular values, and B and A share theirs evenly.
    assertThat(largest(left.s().sub(all.s().narrow(0, RANK, 32 - RANK)))).isLessThan(tolerance);
    Tensor shares = start.b().norm(0).sub(start.a().norm(1));
    assertThat(largest(shares)).isLessThan(tolerance);
  }

  @Test
  void theRandomisedDecompositionNearsTheExactOneWithEachIteration() {
    Tensor w = Tensor.normal(0, 1, 60, 40);
    double exact = SingularValues.of(w, RANK).s().sum().item();
    double before = 0;
    for (int iterations : new int[] {0, 4, 40}) {
      Torch.seed(3);
      double found = SingularValues.randomised(w, RANK, iterations).s().sum().item();
      assertThat(found).isGreaterThan(before).isLessThan(exact * (1 + 1e-6));
      before = found;
    }
    assertThat(before).isCloseTo(exact, within(1e-3 * exact));
  }

  @ParameterizedTest
  @ValueSource(strings = {"olora", "pissa", "pissa_niter_2"})
  void aRankBeyondTheWeightsIsRefused(String init) {
    assertThatThrownBy(() -> LoraInit.of(init).start(layer, 33, 1))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "init_lora_weights "
                + init
                + " needs a rank of at most 32 for bert.encoder.layer.0.intermediate.dense, which is"
                + " [48, 32]; it is 33");
  }

  @Test
  void anOddRankHasNoOrthogonalStart() {
    assertThatThrownBy(() -> LoraInit.of("orthogonal").start(layer, 3, 1))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("init_lora_weights orthogonal needs an even rank; at bert.");
  }

  private static Tensor identity() {
    return Tensor.of(new float[] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, 4, 4);
  }
}
