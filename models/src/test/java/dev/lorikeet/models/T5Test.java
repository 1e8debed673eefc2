package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Beside the reference cases: what they cannot show. The checkpoint is of version 1.1. */
@Tag("numeric")
class T5Test {
  private static final String NAME = "t5-v11-seq2seq";

  /** Float32 sums in another order. */
  private static final float CLOSE = 1e-5f;

  private static final long[] DISTANCES = {
    -200, -128, -127, -91, -64, -32, -16, -15, -8, -7, -1, 0, 1, 2, 7, 8, 11, 12, 16, 32, 64, 127,
    200
  };

  @TempDir private Path copy;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Model model(Path folder) {
    return Model.open(folder, ModelOptions.DEFAULT);
  }

  /** Two texts, the second padded. */
  private static ModelInput texts() {
    return new ModelInput(
        Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 0}, 2, 4),
        Tensor.of(new long[] {1, 1, 1, 1, 1, 1, 1, 0}, 2, 4),
        null);
  }

  private static Tensor answers() {
    return Tensor.of(new long[] {0, 11, 12, 13, 14, 0, 21, 22, 23, 24}, 2, 5);
  }

  @Test
  void aTextEncodedBeforehandAnswersTheSame() {
    try (Model model = model(TinyCheckpoint.folder(NAME))) {
      ModelInput input = texts().withDecoderInputIds(answers());
      Tensor states = model.encode(texts());
      assertThat(states.shape()).containsExactly(2, 4, 16);
      assertThat(model.logits(input.withEncoderStates(states)).sameAs(model.logits(input)))
          .isTrue();
    }
  }

  @Test
  void anAnswerReadInPartsWithACacheHasTheSameLogits() {
    try (Model model = model(TinyCheckpoint.folder(NAME));
        KeyValueCache cache = new KeyValueCache();
        GradMode off = GradMode.disabled()) {
      float[] whole = model.logits(texts().withDecoderInputIds(answers())).toFloats();
      ModelInput input = texts().withEncoderStates(model.encode(texts())).withCache(cache);
      Tensor first = model.logits(input.withDecoderInputIds(answers().narrow(1, 0, 2)));
      // The text was read once: from now on other states would make no difference.
      ModelInput later =
          input.withEncoderStates(Tensor.zeros(first.dtype(), first.device(), 2, 4, 16));
      Tensor third = model.logits(later.withDecoderInputIds(answers().narrow(1, 2, 1)));
      Tensor last = model.logits(later.withDecoderInputIds(answers().narrow(1, 3, 2)));
      float[] inParts = Tensor.cat(List.of(first, third, last), 1).toFloats();
      assertThat(inParts).containsExactly(whole, offset(CLOSE));
    }
  }

  @Test
  void onlyTheLastLogitsAreComputedWhenAskedFor() {
    try (Model model = model(TinyCheckpoint.folder(NAME))) {
      ModelInput input = texts().withDecoderInputIds(answers());
      Tensor last = model.logits(input.withLogitsToKeep(1));
      assertThat(last.shape()).containsExactly(2, 1, 96);
      assertThat(last.toFloats())
          .containsExactly(model.logits(input).narrow(1, 4, 1).toFloats(), offset(CLOSE));
    }
  }

  /** The buckets of DISTANCES by transformers 5.18.0. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "true | 8 | 16 | 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 0, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7",
        "false | 8 | 16 | 7, 7, 7, 7, 7, 7, 7, 7, 6, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
        "true | 32 | 128 | 15, 15, 15, 15, 14, 12, 10, 9, 8, 7, 1, 0, 17, 18, 23, 24, 24, 25, 26, 28, 30, 31, 31",
        "false | 32 | 128 | 31, 31, 31, 29, 26, 21, 16, 15, 8, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
      })
  void bucketsOfDistancesAreThoseOfTransformers(
      boolean bothWays, int buckets, int furthest, String expected) {
    long[] found =
        Arrays.stream(DISTANCES)
            .map(d -> DistanceBuckets.bucket(d, bothWays, buckets, furthest))
            .toArray();
    assertThat(found)
        .containsExactly(Arrays.stream(expected.split(", ")).mapToLong(Long::parseLong).toArray());
  }

  @Test
  void theDecoderReadsTheLabelsOneTokenLate() {
    ModelConfig config = ModelConfig.read(TinyCheckpoint.folder(NAME)); // start 0, padding 0
    Tensor labels = Tensor.of(new long[] {7, 8, 1, 9, 1, -100}, 2, 3);
    assertThat(DecoderInput.of(labels, config).toLongs()).containsExactly(0, 7, 8, 0, 9, 1);
    Tensor ignored = Tensor.of(new long[] {-100, -100, 5}, 1, 3);
    assertThat(DecoderInput.of(ignored, config).toLongs()).containsExactly(0, 0, 0);
    ObjectNode other = config.json().put("decoder_start_token_id", 3).put("pad_token_id", 4);
    assertThat(DecoderInput.of(ignored, ModelConfig.of("other", other)).toLongs())
        .containsExactly(3, 4, 4);
    other.remove("decoder_start_token_id");
    assertThat(DecoderInput.start(ModelConfig.of("other", other))).isEqualTo(4);
  }

  @Test
  void withoutAnAnswerToReadThereIsNothingToDecode() {
    try (Model model = model(TinyCheckpoint.folder(NAME))) {
      assertThatThrownBy(() -> model.logits(texts()))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("an encoder-decoder needs decoder_input_ids beside input_ids");
    }
  }

  @Test
  void otherModelsHaveNoEncoderApart() {
    try (Model model = model(TinyCheckpoint.folder(TinyCheckpoint.CLASSIFY))) {
      assertThatThrownBy(() -> model.encode(texts()))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("the model has no encoder apart from its decoder");
    }
  }

  @Test
  void whatIsNotBuiltIsRefused() {
    assertRefused(
        json -> json.put("is_decoder", true),
        "COPY/config.json: is_decoder is true, and only false is supported: the model would compute"
            + " something else");
    assertRefused(
        json -> json.put("dense_act_fn", "silu"),
        "COPY/config.json: dense_act_fn is \"silu\", and only gelu_new is supported: the model would"
            + " compute something else");
    assertRefused(
        json -> json.put("feed_forward_proj", "gated-swish-2").remove(List.of("dense_act_fn")),
        "unknown activation \"swish-2\"; supported: gelu, gelu_new, gelu_pytorch_tanh, relu, silu,"
            + " swish, tanh");
    assertRefused(
        json -> json.put("num_heads", 0),
        "COPY/config.json: \"num_heads\" must be from 1 to 100000, not 0");
    assertRefused(
        json -> json.put("relative_attention_max_distance", 4),
        "config.json: relative_attention_max_distance is 4: it must be at least 5");
    assertRefused(
        json -> json.put("d_kv", 8),
        "COPY: tensor \"encoder.block.0.layer.0.SelfAttention.q.weight\" is [12, 16], config.json"
            + " asks for [16, 16]: is this config.json from another checkpoint?");
  }

  private void assertRefused(Consumer<ObjectNode> change, String message) {
    TinyCheckpoint.withConfig(copy, NAME, change);
    assertThatThrownBy(() -> model(copy).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("COPY", copy.toString()));
  }
}
