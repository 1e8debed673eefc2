package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlueprintTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {TinyCheckpoint.CLASSIFY, TinyCheckpoint.TAG, TinyCheckpoint.MLM})
  void tensorsAreThoseOfTheCheckpoint(String name) {
    Checkpoint checkpoint = Checkpoint.open(TinyCheckpoint.folder(name));
    ModelConfig config = ModelConfig.read(TinyCheckpoint.folder(name));
    try (Blueprint blueprint = Blueprint.of(config, ModelOptions.DEFAULT)) {
      assertThat(blueprint.tensors().keySet())
          .containsExactlyInAnyOrderElementsOf(checkpoint.names());
      blueprint
          .tensors()
          .forEach(
              (tensor, entry) -> {
                assertThat(entry.name()).isEqualTo(tensor);
                assertThat(entry.shape()).isEqualTo(checkpoint.shape(tensor));
              });
      try (Model model = Model.open(TinyCheckpoint.folder(name), ModelOptions.DEFAULT)) {
        assertThat(blueprint.count()).isEqualTo(Model.count(model.parameters().values()));
        assertThat(blueprint.model().projections().keySet())
            .containsExactlyElementsOf(model.projections().keySet());
        assertThat(new ArrayList<>(blueprint.tensors().keySet()))
            .isEqualTo(new ArrayList<>(model.parameters().keySet()));
      }
    }
  }

  @Test
  void drawnTensorsAreThoseOfTheModelFromScratch() {
    Path configOnly = TinyCheckpoint.configOnly(folder);
    ModelOptions options = ModelOptions.DEFAULT.withSeed(7).fromScratch(Initialization.XAVIER);
    try (Scope scope = Scope.open();
        Blueprint blueprint = Blueprint.of(ModelConfig.read(configOnly), options);
        Model model = Model.open(configOnly, options)) {
      List<Blueprint.Entry> backwards = new ArrayList<>(blueprint.tensors().values());
      Collections.reverse(backwards);
      for (Blueprint.Entry entry : backwards) {
        Tensor expected = Objects.requireNonNull(model.stateDict().get(entry.name()));
        assertThat(entry.draw().toFloats()).as(entry.name()).isEqualTo(expected.toFloats());
      }
    }
  }

  /** Twelve layers of width 768 and 30,522 words: 109,482,240 with the pooler's 590,592. */
  @Test
  void parametersOfBertBaseAreCountedWithoutMakingThem() {
    ObjectNode json = ModelConfig.read(TinyCheckpoint.folder(TinyCheckpoint.CLASSIFY)).json();
    json.putArray("architectures").add("BertModel");
    json.put("hidden_size", 768).put("num_hidden_layers", 12).put("num_attention_heads", 12);
    json.put("intermediate_size", 3072).put("vocab_size", 30522);
    json.put("max_position_embeddings", 512).put("type_vocab_size", 2);
    long before = Tensor.live();
    try (Blueprint blueprint =
        Blueprint.of(ModelConfig.of("config.json", json), ModelOptions.DEFAULT)) {
      assertThat(blueprint.count()).isEqualTo(109_482_240 - 590_592);
    }
    assertThat(Tensor.live()).isEqualTo(before);
  }

  /** A billion words, 32 wide, would take 128 GB. */
  @Test
  void noSizeIsTooLarge() {
    ObjectNode json = ModelConfig.read(TinyCheckpoint.folder(TinyCheckpoint.MLM)).json();
    json.put("vocab_size", 1_000_000_000);
    try (Blueprint blueprint =
        Blueprint.of(ModelConfig.of("config.json", json), ModelOptions.DEFAULT)) {
      assertThat(blueprint.count()).isGreaterThan(32_000_000_000L);
    }
  }

  @Test
  void configThatLacksAValue() {
    ObjectNode json = ModelConfig.read(TinyCheckpoint.folder(TinyCheckpoint.MLM)).json();
    json.remove("hidden_size");
    long before = Tensor.live();
    assertThatThrownBy(
            () -> Blueprint.of(ModelConfig.of("config.json", json), ModelOptions.DEFAULT))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("config.json lacks \"hidden_size\", which must be a whole number");
    assertThat(Tensor.live()).isEqualTo(before);
  }
}
