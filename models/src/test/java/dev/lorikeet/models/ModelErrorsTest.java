package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checkpoints that cannot be opened: the exact message, and nothing left of the attempt. */
class ModelErrorsTest {
  private static final String NAME = TinyCheckpoint.CLASSIFY;

  @TempDir private Path copy;

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

  private void assertRefused(Consumer<ObjectNode> config, String message) {
    assertRefused(config, tensors -> {}, message);
  }

  private void assertRefused(
      Consumer<ObjectNode> config, Consumer<Map<String, Tensor>> tensors, String message) {
    TinyCheckpoint.changed(copy, NAME, config, tensors);
    assertThatThrownBy(() -> Model.open(copy, ModelOptions.DEFAULT).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("COPY", copy.toString()));
  }

  @Test
  void anUnknownModelTypeIsRefusedWithThoseThatAreKnown() {
    assertRefused(
        json -> json.put("model_type", "roberto"),
        "model_type \"roberto\" is not supported; supported: "
            + String.join(", ", Architectures.modelTypes()));
    assertThat(Architectures.modelTypes()).contains("bert", "distilbert", "roberta");
    assertRefused(
        json -> json.remove("model_type"),
        "COPY/config.json lacks \"model_type\", which must be a string");
  }

  @Test
  void anUnknownActivationIsRefusedWithThoseThatAreKnown() {
    assertRefused(
        json -> json.put("hidden_act", "gelo"),
        "unknown activation \"gelo\"; supported: gelu, gelu_new, gelu_pytorch_tanh, relu, silu,"
            + " swish, tanh");
  }

  @Test
  void outputsThatAreNotTiedMustBeThere() {
    assertRefused(
        json -> {
          json.put("tie_word_embeddings", false);
          json.putArray("architectures").add("BertForMaskedLM");
        },
        "COPY has no tensor \"cls.predictions.decoder.weight\"; nearest:" + " classifier.weight");
  }

  @Test
  void aWidthThatTheHeadsDoNotDivideIsRefused() {
    assertRefused(
        json -> json.put("num_attention_heads", 5),
        "config.json: hidden_size 32 is no multiple of num_attention_heads 5: is it from this"
            + " checkpoint?");
  }

  @ParameterizedTest
  @CsvSource({
    "position_embedding_type, '\"relative_key\"', absolute",
    "is_decoder, true, false",
    "add_cross_attention, true, false"
  })
  void settingsThatChangeTheArithmeticAreRefused(String key, String value, String supported) {
    assertRefused(
        json -> {
          if (value.startsWith("\"")) {
            json.put(key, value.replace("\"", ""));
          } else {
            json.put(key, Boolean.parseBoolean(value));
          }
        },
        "COPY/config.json: %s is %s, and only %s is supported: the model would compute something else"
            .formatted(key, value, supported));
  }

  @Test
  void aMissingTensorIsNamedWithTheNearest() {
    assertRefused(
        json -> {},
        tensors -> TinyCheckpoint.rename(tensors, "word_embeddings", "word_embedding"),
        "COPY has no tensor \"bert.embeddings.word_embeddings.weight\";"
            + " nearest: bert.embeddings.word_embedding.weight");
  }

  @Test
  void aTensorOfAnotherShapeIsNamedWithBothShapes() {
    assertRefused(
        json -> json.put("intermediate_size", 64),
        "COPY: tensor \"bert.encoder.layer.0.intermediate.dense.weight\" is [48, 32],"
            + " config.json asks for [64, 32]: is this config.json from another checkpoint?");
  }

  @Test
  void aHeadOfAnotherWidthIsNotTakenForANewOne() {
    assertRefused(
        json -> {},
        tensors -> tensors.put("classifier.weight", Tensor.of(new float[3 * 16], 3, 16)),
        "COPY: tensor \"classifier.weight\" is [3, 16], config.json asks for [3, 32]:"
            + " is this config.json from another checkpoint?");
  }

  @Test
  void dropoutOfOneIsRefused() {
    TinyCheckpoint.withConfig(copy, NAME, json -> json.put("hidden_dropout_prob", 1));
    assertThatThrownBy(() -> Model.open(copy, ModelOptions.DEFAULT).close())
        .hasMessage("dropout is 1.0: it must be at least 0 and below 1");
  }
}
