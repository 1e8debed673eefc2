package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models from scratch: what their weights look like. */
class InitializationTest {
  private static final String MATRIX = "bert.encoder.layer.1.intermediate.dense.weight";
  private static final int OUT = 256;
  private static final int IN = 64;

  /** The standard error of a deviation is 1/√(2n) of it. */
  private static final double FIVE_ERRORS = 5 / Math.sqrt(2.0 * OUT * IN);

  @TempDir private Path folder;

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private static Tensor value(Model model, String name) {
    return Objects.requireNonNull(model.parameters().get(name), name).value();
  }

  private Model scratch(Initialization initialization, long seed) {
    TinyCheckpoint.configOnly(folder);
    return Model.open(folder, ModelOptions.DEFAULT.withSeed(seed).fromScratch(initialization));
  }

  private static double deviation(Tensor x) {
    return Math.sqrt(x.pow(2).reshape(-1).mean(0, false).item());
  }

  @Test
  void fromScratchEverythingIsDrawnAsThePaperSays() {
    try (Model model = scratch(Initialization.PAPER, 1)) {
      assertThat(model.checkpoint()).isNull();
      assertThat(model.newModules()).isEmpty();
      for (String name : List.of(MATRIX, "bert.embeddings.word_embeddings.weight")) {
        Tensor weight = value(model, name);
        assertThat(weight.abs().max().item()).isBetween(0.0395, 0.0400001);
        // A normal distribution cut at two deviations keeps 0.8796 of its deviation.
        double kept = deviation(weight) / (0.02 * 0.8796);
        assertThat(kept).isBetween(1 - FIVE_ERRORS, 1 + FIVE_ERRORS);
      }
      model
          .parameters()
          .forEach(
              (name, parameter) -> {
                if (name.endsWith("LayerNorm.weight")) {
                  assertThat(parameter.value().toFloats()).containsOnly(1);
                } else if (name.endsWith(".bias")) {
                  assertThat(parameter.value().toFloats()).containsOnly(0);
                }
              });
    }
  }

  @Test
  void xavierFillsItsInterval() {
    try (Model model = scratch(Initialization.XAVIER, 1)) {
      Tensor weight = value(model, MATRIX);
      double bound = Math.sqrt(6.0 / (IN + OUT));
      assertThat(weight.abs().max().item()).isBetween(0.999 * bound, bound * (1 + 1e-6));
      double kept = deviation(weight) / (bound / Math.sqrt(3));
      assertThat(kept).isBetween(1 - FIVE_ERRORS, 1 + FIVE_ERRORS);
    }
  }

  @Test
  void heHasAVarianceOfTwoOverTheInputs() {
    try (Model model = scratch(Initialization.HE, 1)) {
      Tensor weight = value(model, MATRIX);
      double expected = Math.sqrt(2.0 / IN);
      double kept = deviation(weight) / expected;
      assertThat(kept).isBetween(1 - FIVE_ERRORS, 1 + FIVE_ERRORS);
      // Not cut: one of 16,384 draws lies beyond three deviations, but for a chance of e^-44.
      assertThat(weight.abs().max().item()).isGreaterThan(3 * expected);
    }
  }

  @Test
  void layersOfOneShapeAreDrawnDifferently() {
    try (Model model = scratch(Initialization.PAPER, 1);
        Model other = scratch(Initialization.PAPER, 2)) {
      Tensor layer1 = value(model, MATRIX);
      assertThat(value(model, MATRIX.replace("layer.1", "layer.0")).sameAs(layer1)).isFalse();
      assertThat(value(other, MATRIX).sameAs(layer1)).isFalse();
    }
  }

  @Test
  void initialisationsAreFoundByTheirNames() {
    for (Initialization initialization : Initialization.values()) {
      assertThat(Initialization.of(initialization.id())).isEqualTo(initialization);
    }
    assertThatThrownBy(() -> Initialization.of("xaver"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown initialization \"xaver\": use paper, xavier, he");
  }
}
