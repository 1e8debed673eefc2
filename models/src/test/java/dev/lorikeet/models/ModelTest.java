package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Opening checkpoints: names, missing modules, memory. */
@Tag("numeric")
class ModelTest {
  private static final String NAME = TinyCheckpoint.CLASSIFY;
  private static final List<String> LABELS = List.of("a", "b", "c");

  @TempDir private Path copy;

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  /** Whatever a test does with models, refused ones included, all of it is freed again. */
  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private static Tensor value(Model model, String name) {
    return Objects.requireNonNull(model.parameters().get(name), name).value();
  }

  // ---- names ----

  @Test
  void parametersAreTheCheckpointsTensorsByName() {
    Checkpoint file = Checkpoint.open(TinyCheckpoint.folder(NAME));
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      assertThat(model.parameters().keySet()).containsExactlyInAnyOrderElementsOf(file.names());
      assertThat(model.parameters())
          .allSatisfy((name, p) -> assertThat(p.value().sameAs(file.tensor(name))).isTrue());
      assertThat(model.stateDict().keySet()).isEqualTo(model.parameters().keySet());
      assertThat(model.parameters().values()).noneMatch(Parameter::isTrainable);
      assertThat(Model.count(model.parameters().values())).isEqualTo(20_643);
      assertThat(model.newModules()).isEmpty();
      assertThat(model.headType()).isEqualTo(HeadType.SEQUENCE_CLASSIFICATION);
    }
  }

  @Test
  void projectionsAreTheLinearLayersByPath() {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      assertThat(model.projections().keySet())
          .hasSize(2 * 6 + 2)
          .contains(
              "bert.encoder.layer.0.attention.self.query",
              "bert.encoder.layer.1.output.dense",
              "bert.pooler.dense",
              "classifier");
    }
  }

  @Test
  void anEncoderSavedWithoutAHeadHasNoPrefix() {
    TinyCheckpoint.withTensors(
        copy, NAME, tensors -> TinyCheckpoint.rename(tensors, "bert\\.", ""));
    assertThatBothAnswerAlike(Model.open(copy, ModelOptions.DEFAULT));
  }

  @Test
  void oldCheckpointsCallANormsWeightsGammaAndBeta() {
    TinyCheckpoint.withTensors(
        copy,
        NAME,
        tensors -> {
          TinyCheckpoint.rename(tensors, "LayerNorm\\.weight$", "LayerNorm.gamma");
          TinyCheckpoint.rename(tensors, "LayerNorm\\.bias$", "LayerNorm.beta");
        });
    assertThatBothAnswerAlike(Model.open(copy, ModelOptions.DEFAULT));
  }

  private static void assertThatBothAnswerAlike(Model renamed) {
    try (renamed;
        Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      ModelInput input = TinyCheckpoint.input(NAME);
      assertThat(renamed.logits(input).sameAs(model.logits(input))).isTrue();
      assertThat(renamed.parameters().keySet()).isEqualTo(model.parameters().keySet());
    }
  }

  @Test
  void weightsAreConvertedToTheAskedPrecision() {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), TinyCheckpoint.bfloat16())) {
      assertThat(model.parameters().values())
          .allMatch(parameter -> parameter.value().dtype() == DType.BFLOAT16);
    }
  }

  @Test
  void aTrainedParameterHasMemoryOfItsOwnInFloat32() {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), TinyCheckpoint.bfloat16())) {
      Parameter parameter = Objects.requireNonNull(model.parameters().get("classifier.bias"));
      parameter.train();
      assertThat(parameter.original().dtype()).isEqualTo(DType.FLOAT32);
      assertThat(parameter.original().requiresGrad()).isTrue();
      parameter.original().setInPlace(Tensor.of(new float[] {1, 2, 3}, 3));
      parameter.freeze();
      assertThat(parameter.original().requiresGrad()).isFalse();
      assertThat(parameter.value().toFloats()).containsExactly(1, 2, 3);
    }
    Tensor onDisk = Checkpoint.open(TinyCheckpoint.folder(NAME)).tensor("classifier.bias");
    assertThat(onDisk.toFloats()).doesNotContain(1);
  }

  // ---- modules that the checkpoint lacks ----

  private static void drop(Map<String, Tensor> tensors, String prefix) {
    tensors.keySet().removeIf(name -> name.startsWith(prefix));
  }

  private Model without(Path folder, long seed, String... prefixes) {
    TinyCheckpoint.withTensors(
        folder,
        NAME,
        tensors -> {
          for (String prefix : prefixes) {
            drop(tensors, prefix);
          }
        });
    ModelOptions asked = ModelOptions.DEFAULT.withSeed(seed);
    return Model.open(folder, asked.withHead(HeadType.SEQUENCE_CLASSIFICATION, LABELS));
  }

  @Test
  void missingHeadsAreDrawnFromTheSeed() {
    try (Model first = without(copy, 1, "bert.pooler", "classifier");
        Model again = without(copy, 1, "bert.pooler", "classifier");
        Model other = without(copy, 2, "bert.pooler", "classifier")) {
      assertThat(first.newModules()).containsExactly("bert.pooler", "classifier");
      for (String name : List.of("bert.pooler.dense.weight", "classifier.weight")) {
        assertThat(value(again, name).sameAs(value(first, name))).isTrue();
        assertThat(value(other, name).sameAs(value(first, name))).isFalse();
        // initializer_range is 0.02; the normal distribution is cut at two deviations.
        assertThat(value(first, name).abs().max().item()).isBetween(0.02, 0.0400001);
      }
      assertThat(value(first, "classifier.bias").toFloats()).containsOnly(0);
    }
  }

  @Test
  void aDrawnModuleDoesNotDependOnWhichOthersAreMissing() {
    try (Model both = without(copy, 1, "bert.pooler", "classifier");
        Model one = without(copy, 1, "classifier")) {
      assertThat(one.newModules()).containsExactly("classifier");
      Tensor classifier = value(one, "classifier.weight");
      assertThat(classifier.sameAs(value(both, "classifier.weight"))).isTrue();
    }
  }

  @Test
  void aHeadForAnotherNumberOfLabelsIsDrawnAnew() {
    ModelOptions five =
        ModelOptions.DEFAULT.withHead(
            HeadType.SEQUENCE_CLASSIFICATION, List.of("a", "b", "c", "d", "e"));
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), five)) {
      assertThat(model.newModules()).containsExactly("classifier");
      assertThat(value(model, "classifier.weight").shape()).containsExactly(5, 32);
      assertThat(model.logits(TinyCheckpoint.input(NAME)).shape()).containsExactly(4, 5);
    }
  }

  @Test
  void aHeadForAsManyLabelsIsKept() {
    ModelOptions three = ModelOptions.DEFAULT.withHead(HeadType.SEQUENCE_CLASSIFICATION, LABELS);
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), three)) {
      assertThat(model.newModules()).isEmpty();
      assertThat(model.config().labels()).isEqualTo(LABELS);
    }
  }

  // ---- memory ----

  @Test
  void aClosedModelAnswersNoMore() {
    Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT);
    model.close();
    model.close();
    assertThatThrownBy(() -> model.logits(TinyCheckpoint.input(NAME)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model was closed");
  }
}
