package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("numeric")
class Gpt2Test {
  private static final String LM = "gpt2-lm-lora";
  private static final String CLASSIFY = "gpt2-classify-lora";

  /** Float32 sums in another order. */
  private static final float CLOSE = 1e-5f;

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

  private static Tensor logits(Path folder) {
    try (Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      return model.logits(new ModelInput(ids(5, 61, 7, 9), null, null));
    }
  }

  private static Tensor ids(long... ids) {
    return Tensor.of(ids, 1, ids.length);
  }

  @Test
  void namesWithoutThePrefixAndStoredMasksOpenTheSame() {
    Tensor logits = logits(TinyCheckpoint.folder(LM));
    TinyCheckpoint.withTensors(
        copy,
        LM,
        tensors -> {
          TinyCheckpoint.rename(tensors, "^transformer\\.", "");
          tensors.put("h.0.attn.bias", Tensor.zeros(DType.UINT8, Device.CPU, 1, 1, 64, 64));
        });
    assertThat(logits(copy).sameAs(logits)).isTrue();
  }

  @Test
  void upcastingIsAnOrderOfRoundingsAndChangesNothing() {
    Tensor logits = logits(TinyCheckpoint.folder(LM));
    TinyCheckpoint.withConfig(copy, LM, json -> json.put("reorder_and_upcast_attn", true));
    assertThat(logits(copy).sameAs(logits)).isTrue();
  }

  @Test
  void tokensReadOneByOneWithACacheHaveTheSameLogits() {
    try (Model model = Model.open(TinyCheckpoint.folder(LM), ModelOptions.DEFAULT);
        KeyValueCache cache = new KeyValueCache();
        GradMode off = GradMode.disabled()) {
      Tensor ids = ids(5, 61, 7, 9, 80, 33);
      float[] whole = model.logits(new ModelInput(ids, null, null)).toFloats();
      Tensor first = model.logits(new ModelInput(ids.narrow(1, 0, 3), null, null).withCache(cache));
      Tensor fourth =
          model.logits(new ModelInput(ids.narrow(1, 3, 1), null, null).withCache(cache));
      Tensor last = model.logits(new ModelInput(ids.narrow(1, 4, 2), null, null).withCache(cache));
      float[] inParts = Tensor.cat(List.of(first, fourth, last), 1).toFloats();
      assertThat(inParts).containsExactly(whole, offset(CLOSE));
    }
  }

  @Test
  void aTextsClassIsThatOfItsLastTokenWhereverThePaddingLies() {
    try (Model model = Model.open(TinyCheckpoint.folder(CLASSIFY), ModelOptions.DEFAULT)) {
      float[] alone = model.logits(new ModelInput(ids(5, 61, 7), null, null)).toFloats();
      Tensor right = ids(5, 61, 7, 0, 0);
      Tensor rightMask = ids(1, 1, 1, 0, 0);
      assertThat(model.logits(new ModelInput(right, rightMask, null)).toFloats())
          .containsExactly(alone, offset(CLOSE));
      Tensor left = ids(0, 0, 5, 61, 7);
      Tensor leftMask = ids(0, 0, 1, 1, 1);
      Tensor places = ids(0, 0, 0, 1, 2);
      assertThat(
              model.logits(new ModelInput(left, leftMask, null).withPositionIds(places)).toFloats())
          .containsExactly(alone, offset(CLOSE));
    }
  }

  @Test
  void aTextBeyondTheLastPlaceIsRefused() {
    try (Model model = Model.open(TinyCheckpoint.folder(LM), ModelOptions.DEFAULT)) {
      ModelInput input = new ModelInput(Tensor.of(new long[65], 1, 65), null, null);
      assertThatThrownBy(() -> model.logits(input))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "the text has 65 tokens, and the model has places for 64 (n_positions): cut it");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "n_head | 5 | config.json: n_embd 32 is no multiple of n_head 5: is it from this"
            + " checkpoint?",
        "n_layer | -1 | COPY/config.json: \"n_layer\" must be from 0 to 10000, not -1",
      })
  void sizesThatCannotBeAreRefused(String key, int value, String message) {
    assertRefused(json -> json.put(key, value), message);
  }

  @Test
  void whatIsNotBuiltIsRefused() {
    assertRefused(
        json -> json.put("add_cross_attention", true),
        "COPY/config.json: add_cross_attention is true, and only false is supported: the model"
            + " would compute something else");
    assertRefused(
        json -> json.put("n_inner", 64),
        "COPY: tensor \"transformer.h.0.mlp.c_fc.weight\" is [32, 48], config.json asks for [32,"
            + " 64]: is this config.json from another checkpoint?");
  }

  private void assertRefused(Consumer<ObjectNode> change, String message) {
    TinyCheckpoint.withConfig(copy, LM, change);
    assertThatThrownBy(() -> Model.open(copy, ModelOptions.DEFAULT).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("COPY", copy.toString()));
  }
}
