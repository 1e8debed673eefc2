package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** ModernBERT's configurations and masks; its arithmetic is compared in GoldenParityTest. */
@Tag("numeric")
class ModernBertTest {
  private static final String CONFIG =
      """
      {"model_type": "modernbert", "architectures": ["ModernBertForSequenceClassification"],
       "vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
       "intermediate_size": 48, "max_position_embeddings": 64, "local_attention": 4,
       "layer_types": ["full_attention", "sliding_attention"]}
      """;

  @TempDir private Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Model model(Consumer<ObjectNode> change) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode json = (ObjectNode) mapper.readTree(CONFIG);
    change.accept(json);
    mapper.writeValue(folder.resolve("config.json").toFile(), json);
    return Model.open(folder, ModelOptions.DEFAULT.fromScratch(Initialization.PAPER));
  }

  private void assertRefused(Consumer<ObjectNode> change, String message) {
    assertThatThrownBy(() -> model(change).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("FOLDER", folder.toString()));
  }

  /** What PEFT 0.21's all-linear adapts in the reference's model of this configuration, and it. */
  @Test
  void theLinearLayersAreThoseOfPeft() throws IOException {
    try (Model model = model(json -> {})) {
      assertThat(model.projections().keySet())
          .containsExactlyInAnyOrder(
              "model.layers.0.attn.Wqkv",
              "model.layers.0.attn.Wo",
              "model.layers.0.mlp.Wi",
              "model.layers.0.mlp.Wo",
              "model.layers.1.attn.Wqkv",
              "model.layers.1.attn.Wo",
              "model.layers.1.mlp.Wi",
              "model.layers.1.mlp.Wo",
              "head.dense",
              "classifier");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "sliding_window, 3, only 2 is supported",
    "head_dim, 16, only 8 is supported",
  })
  void sizesThatDisagreeAreRefused(String key, int value, String but) {
    assertRefused(
        json -> json.put(key, value),
        "FOLDER/config.json: %s is %d, and %s: the model would compute something else"
            .formatted(key, value, but));
  }

  @Test
  void stretchedRotationsAreRefused() {
    assertRefused(
        json -> json.putObject("rope_scaling").put("type", "linear"),
        "FOLDER/config.json: rope_scaling is {\"type\":\"linear\"}, and is not supported:"
            + " the model would compute something else");
    assertRefused(
        json ->
            json.putObject("rope_parameters")
                .putObject("full_attention")
                .put("rope_type", "yarn")
                .put("rope_theta", 5),
        "FOLDER/config.json: rope_parameters: full_attention: rope_type is \"yarn\", and only"
            + " default is supported: the model would compute something else");
    assertRefused(
        json -> json.putNull("local_rope_theta"),
        "FOLDER/config.json: local_rope_theta is null: give a number");
  }

  @Test
  void headsThatCannotBeTurnedAreRefused() {
    assertRefused(
        json -> json.put("num_attention_heads", 3),
        "config.json: hidden_size 32 is no multiple of twice num_attention_heads 3, so no pairs"
            + " can be turned: is it from this checkpoint?");
  }

  @Test
  void anUnknownPoolingIsRefused() {
    assertRefused(
        json -> json.put("classifier_pooling", "max"),
        "config.json: classifier_pooling is \"max\": use cls or mean");
  }

  @Test
  void layerTypesMustBeKnownAndOneALayer() {
    assertRefused(
        json -> json.putArray("layer_types").add("full_attention").add("chunked_attention"),
        "FOLDER/config.json: layer_types has \"chunked_attention\", and only full_attention and"
            + " sliding_attention are supported");
    assertRefused(
        json -> json.putArray("layer_types").add("full_attention"),
        "FOLDER/config.json: layer_types has 1 entries, num_hidden_layers is 2: is it from this"
            + " checkpoint?");
  }

  /** Two tokens on either side, and no padding. */
  @Test
  void aLocalLayerSeesItsNeighbours() {
    Tensor ids = Tensor.zeros(DType.INT64, Device.CPU, 1, 5);
    Tensor mask = Tensor.of(new long[] {1, 1, 1, 1, 0}, 1, 5);
    ModelInput input = new ModelInput(ids, mask, null);
    Tensor near = Objects.requireNonNull(AttentionMasks.near(input, 5, 2, DType.FLOAT32));
    assertThat(near.shape()).containsExactly(1, 1, 5, 5);
    float no = (float) DType.FLOAT32.lowest();
    assertThat(near.toFloats())
        .containsExactly(
            0, 0, 0, no, no, //
            0, 0, 0, 0, no, //
            0, 0, 0, 0, no, //
            no, 0, 0, 0, no, //
            no, no, 0, 0, no);
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 100})
  void whereAllIsNearNothingIsHidden(int reach) {
    ModelInput input = new ModelInput(Tensor.zeros(DType.INT64, Device.CPU, 1, 5), null, null);
    assertThat(AttentionMasks.near(input, 5, reach, DType.FLOAT32)).isNull();
  }

  /** Dropout is there at each of its places. */
  @ParameterizedTest
  @ValueSource(
      strings = {"embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout"})
  void eachDropoutIsThere(String key) throws IOException {
    try (Model model = model(json -> json.put(key, 0.5).put("initializer_range", 0.2))) {
      ModelInput input = new ModelInput(Tensor.of(new long[] {1, 2, 3, 4, 5, 6}, 2, 3), null, null);
      List<Tensor> still = List.of(model.logits(input), model.logits(input));
      assertThat(still.get(0).sameAs(still.get(1))).isTrue();
      model.training(true);
      assertThat(model.logits(input).sameAs(still.get(0))).isFalse();
    }
  }
}
