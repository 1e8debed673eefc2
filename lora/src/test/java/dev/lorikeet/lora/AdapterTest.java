package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What an adapter brings into a model, and under which names. */
@Tag("numeric")
class AdapterTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static LoraConfig onQuery(Bias bias, String... modulesToSave) {
    return LoraConfig.of(4, 8)
        .but()
        .targets(Targets.of("layer.0.attention.self.query"))
        .bias(bias)
        .modulesToSave(List.of(modulesToSave))
        .build();
  }

  private static List<String> names(Model model, LoraConfig config) {
    return Adapter.attach(model, config, 1).parameters().keySet().stream()
        .map(name -> name.replace("base_model.model.", ""))
        .map(name -> name.replace("bert.encoder.layer.0.attention.self.", ""))
        .toList();
  }

  private static Parameter get(Map<String, Parameter> parameters, String name) {
    return Objects.requireNonNull(parameters.get(name), name);
  }

  @Test
  void anAdapterHasItsLayersAndTheClassifier() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThat(names(model, onQuery(Bias.NONE)))
          .containsExactlyInAnyOrder(
              "query.lora_A.weight", "query.lora_B.weight", "classifier.weight", "classifier.bias");
    }
  }

  @Test
  void aMaskedLmHasNoClassifier() {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      assertThat(names(model, onQuery(Bias.NONE)))
          .containsExactlyInAnyOrder("query.lora_A.weight", "query.lora_B.weight");
    }
  }

  @Test
  void biasesOfAdaptedLayersLieInTheirBaseLayer() {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      assertThat(names(model, onQuery(Bias.LORA_ONLY)))
          .containsExactlyInAnyOrder(
              "query.lora_A.weight", "query.lora_B.weight", "query.base_layer.bias");
    }
  }

  @Test
  void allBiasesAreThoseOfTheWholeModel() {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      long biases =
          model.parameters().keySet().stream().filter(name -> name.endsWith(".bias")).count();
      List<String> names = names(model, onQuery(Bias.ALL));
      assertThat(names)
          .hasSize(2 + (int) biases)
          .contains("query.base_layer.bias", "key.bias", "bert.embeddings.LayerNorm.bias");
    }
  }

  @Test
  void modulesToSaveAreCopiesThatTheBaseDoesNotSee() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Parameter base = get(model.parameters(), "bert.pooler.dense.bias");
      float[] before = base.value().toFloats();
      Adapter adapter = Adapter.attach(model, onQuery(Bias.NONE, "pooler"), 1);
      Parameter copy = get(adapter.parameters(), "base_model.model.bert.pooler.dense.bias");
      copy.original().setInPlace(Tensor.zeros(copy.value().dtype(), copy.value().device(), 32));
      assertThat(base.value().toFloats()).containsOnly(0);
      assertThat(base.original().toFloats()).isEqualTo(before);
      adapter.disable();
      assertThat(base.value().toFloats()).isEqualTo(before);
    }
  }

  @Test
  void theConfigurationNamesWhatAllLinearMeant() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, LoraConfig.DEFAULT, 1);
      assertThat(adapter.config().targets().modules())
          .hasSize(13)
          .contains("bert.pooler.dense", "bert.encoder.layer.1.output.dense")
          .doesNotContain("classifier");
      assertThat(adapter.config().modulesToSave()).containsExactly("classifier");
    }
  }

  @Test
  void modulesThatTheCheckpointLackedAreTrainedWhole() {
    ModelOptions newHead =
        ModelOptions.DEFAULT.withHead(HeadType.TOKEN_CLASSIFICATION, List.of("a", "b"));
    try (Model model = Model.open(TinyBert.folder(TinyBert.MLM), newHead)) {
      Adapter adapter = Adapter.attach(model, LoraConfig.DEFAULT, 1);
      assertThat(adapter.config().modulesToSave()).containsExactly("classifier");
      assertThat(adapter.parameters())
          .containsKeys("base_model.model.classifier.weight", "base_model.model.classifier.bias");
    }
  }

  @Test
  void aSecondAdapterOnTheSameLayerIsRefused() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter.attach(model, onQuery(Bias.NONE), 1);
      assertThatThrownBy(() -> Adapter.attach(model, onQuery(Bias.NONE), 1))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "bert.encoder.layer.0.attention.self.query has an adapter already: disable or merge"
                  + " that one first");
    }
  }

  @Test
  void aRefusedAdapterLeavesTheModelAlone() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      long live = Tensor.live();
      assertThatThrownBy(() -> Adapter.attach(model, onQuery(Bias.NONE, "poler"), 1))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith("no module matches modules_to_save entry \"poler\"; nearest: ");
      assertThat(model.projections().values()).noneMatch(ProjectionSlot::isFilled);
      assertThat(Tensor.live()).isEqualTo(live);
    }
  }

  @Test
  void dropoutTouchesTheUpdateInTrainingOnly() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, LoraConfig.of(4, 8).withDropout(0.5), 1);
      Tensor fresh = TinyBert.logits(model);
      model.training(true);
      // The checkpoint has no dropout of its own, and of a fresh update nothing is left to drop.
      assertThat(TinyBert.logits(model).sameAs(fresh)).isTrue();
      TinyBert.randomize(adapter);
      assertThat(TinyBert.logits(model).sameAs(TinyBert.logits(model))).isFalse();
      model.training(false);
      assertThat(TinyBert.logits(model).sameAs(TinyBert.logits(model))).isTrue();
    }
  }
}
