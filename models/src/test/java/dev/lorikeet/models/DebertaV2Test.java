package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** DeBERTa's configurations and distances; its arithmetic is compared in GoldenParityTest. */
@Tag("numeric")
class DebertaV2Test {
  private static final String CONFIG =
      """
      {"model_type": "deberta-v2", "architectures": ["DebertaV2ForSequenceClassification"],
       "vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
       "intermediate_size": 48, "max_position_embeddings": 24, "position_buckets": 8,
       "relative_attention": true, "pos_att_type": "p2c|c2p", "share_att_key": true,
       "norm_rel_ebd": "layer_norm", "position_biased_input": false, "pooler_dropout": 0.0,
       "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
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
              "deberta.encoder.layer.0.attention.self.query_proj",
              "deberta.encoder.layer.0.attention.self.key_proj",
              "deberta.encoder.layer.0.attention.self.value_proj",
              "deberta.encoder.layer.0.attention.output.dense",
              "deberta.encoder.layer.0.intermediate.dense",
              "deberta.encoder.layer.0.output.dense",
              "pooler.dense",
              "classifier");
    }
  }

  /** The expected buckets are those of make_log_bucket_position of transformers 5.18.0. */
  @Test
  void nearDistancesHaveRowsOfTheirOwnAndFarOnesShare() {
    LogDistances few = new LogDistances(8, 24);
    assertThat(IntStream.rangeClosed(-14, 14).map(distance -> few.row(distance) - 8))
        .containsExactly(
            -7, -7, -6, -6, -6, -6, -6, -5, -5, -5, -4, -3, -2, -1, 0, //
            1, 2, 3, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7);
    LogDistances usual = new LogDistances(256, 512);
    assertThat(
            IntStream.of(0, 1, 127, 128, 129, 130, 200, 255, 256, 300, 400, 510, 511)
                .map(distance -> usual.row(distance) - 256))
        .containsExactly(0, 1, 127, 128, 129, 130, 169, 192, 192, 207, 233, 255, 255);
  }

  /** The table has no row for the span itself, on the side of tokens before. */
  @Test
  void distancesBeyondTheTableTakeItsLastRows() {
    LogDistances each = new LogDistances(0, 3);
    assertThat(IntStream.rangeClosed(-5, 5).map(each::row))
        .containsExactly(0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5);
  }

  @Test
  void headsOfAnotherSizeAreRefused() {
    assertRefused(
        json -> json.put("attention_head_size", 16),
        "FOLDER/config.json: attention_head_size is 16, and only 8 is supported: the model would"
            + " compute something else");
  }

  @Test
  void learnedKeysAndValuesAreRefused() throws IOException {
    try (Model model = model(json -> {});
        KeyValueCache cache = new KeyValueCache()) {
      Tensor ids = Tensor.of(new long[] {1, 2, 3}, 1, 3);
      ModelInput input = new ModelInput(ids, null, null).withCache(cache);
      assertThatThrownBy(() -> model.logits(input))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "model_type \"deberta-v2\" reads no cached or learned keys and values: use another"
                  + " method than prefix tuning");
    }
  }

  @Test
  void kindsOfScoresThatAreNotBuiltAreRefused() {
    assertRefused(
        json -> json.putArray("pos_att_type").add("c2p").add("p2p"),
        "FOLDER/config.json: pos_att_type has \"p2p\", and only c2p, p2c are supported: the model"
            + " would compute something else");
    assertRefused(
        json -> json.put("norm_rel_ebd", "layer_norm | batch_norm"),
        "FOLDER/config.json: norm_rel_ebd has \"batch_norm\", and only layer_norm, none are"
            + " supported: the model would compute something else");
  }

  @Test
  void widthsThatTheReferenceCannotBuildAreRefused() {
    assertRefused(
        json -> json.put("pooler_hidden_size", 16),
        "config.json: pooler_hidden_size is 16, and only hidden_size, 32, is supported here");
    assertRefused(
        json -> {
          json.put("embedding_size", 16).put("legacy", false);
          json.putArray("architectures").add("DebertaV2ForMaskedLM");
        },
        "config.json: embedding_size is 16, and only hidden_size, 32, is supported here");
    assertRefused(
        json -> json.put("num_attention_heads", 5),
        "config.json: hidden_size 32 is no multiple of num_attention_heads 5: is it from this"
            + " checkpoint?");
    assertRefused(
        json -> json.put("conv_kernel_size", 4),
        "config.json: conv_kernel_size is 4: it must be odd, or 0 for none");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "pooler_dropout",
        "cls_dropout"
      })
  void eachDropoutIsThere(String key) throws IOException {
    try (Model model = model(json -> json.put(key, 0.5).put("initializer_range", 0.2))) {
      ModelInput input = new ModelInput(Tensor.of(new long[] {1, 2, 3, 4, 5, 6}, 2, 3), null, null);
      Tensor still = model.logits(input);
      assertThat(model.logits(input).sameAs(still)).isTrue();
      model.training(true);
      assertThat(model.logits(input).sameAs(still)).isFalse();
    }
  }

  /** Nothing of the pass, its index of distances included, is left but the logits. */
  @Test
  void aForwardPassLeavesNothingBehind() throws IOException {
    try (Model model = model(json -> {})) {
      ModelInput input = new ModelInput(Tensor.of(new long[] {1, 2, 3}, 1, 3), null, null);
      long before = Tensor.live();
      model.logits(input);
      assertThat(Tensor.live()).isEqualTo(before + 1);
    }
  }
}
