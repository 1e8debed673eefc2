package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.models.KeyValueCache;
import dev.lorikeet.models.KeyValueCache.KeysValues;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Encoders behind learned vectors, and behind learned keys and values, as PEFT runs them. */
class EncoderPromptTest {
  /** What the recorded cases state. */
  private static final float TOLERANCE = 2e-5f;

  private static final int VIRTUAL = 4;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void robertaCountsPlacesThroughPaddingBehindASoftPrompt() {
    Path folder = folder("roberta-classify-prompt");
    try (Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      Tensor prompt = trainedByPeft(model, folder); // [V, D]
      ModelInput input = input(folder);
      Tensor vectors = prompt.unsqueeze(0).expand(input.rows(), VIRTUAL, prompt.size(1));
      assertAnswers(model, input.withPrompt(vectors.contiguous()), folder);
    }
  }

  @Test
  void electraLooksAtLearnedKeysAndValues() {
    Path folder = folder("electra-classify-prefix");
    try (Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      Tensor prefix = trainedByPeft(model, folder); // [V, layers · (key, value) · D]
      ModelInput texts = input(folder);
      long rows = texts.rows();
      long heads = model.config().integer("num_attention_heads");
      Tensor parts = prefix.reshape(VIRTUAL, -1, heads, 8).transpose(0, 1);
      List<KeysValues> layers = new ArrayList<>();
      for (int layer = 0; layer < model.config().integer("num_hidden_layers"); layer++) {
        layers.add(
            new KeysValues(
                everyRow(parts.select(0, 2L * layer), rows),
                everyRow(parts.select(0, 2L * layer + 1), rows)));
      }
      Tensor ones = Tensor.full(1, DType.INT64, Device.CPU, rows, VIRTUAL);
      Tensor mask = Tensor.cat(List.of(ones, Objects.requireNonNull(texts.attentionMask())), 1);
      try (KeyValueCache cache = KeyValueCache.ofPrefix(layers)) {
        ModelInput input = new ModelInput(texts.inputIds(), mask, texts.tokenTypeIds());
        assertAnswers(model, input.withCache(cache), folder);
      }
    }
  }

  /** [V, H, d] to [B, V, H, d]. */
  private static Tensor everyRow(Tensor part, long rows) {
    return part.unsqueeze(0).expand(rows, part.size(0), part.size(1), part.size(2)).contiguous();
  }

  private static void assertAnswers(Model model, ModelInput input, Path folder) {
    float[] expected = expected(folder).tensor("adapted.logits").toFloats();
    assertThat(model.logits(input).toFloats()).containsExactly(expected, within(TOLERANCE));
  }

  /** Gives the model the head that PEFT trained beside the prompt, which it answers. */
  private static Tensor trainedByPeft(Model model, Path folder) {
    Safetensors file = Safetensors.open(folder.resolve("adapter/adapter_model.safetensors"));
    String prefix = "base_model.";
    for (String name : file.names()) {
      if (name.startsWith(prefix)) {
        String path = name.substring(prefix.length());
        Parameter base = Objects.requireNonNull(model.parameters().get(path), path);
        base.substitute(new Parameter(path, file.tensor(name), model.weightScope()));
      }
    }
    return file.tensor("prompt_embeddings");
  }

  private static ModelInput input(Path folder) {
    Safetensors expected = expected(folder);
    return new ModelInput(
        expected.tensor("inputs.input_ids"),
        expected.tensor("inputs.attention_mask"),
        expected.names().contains("inputs.token_type_ids")
            ? expected.tensor("inputs.token_type_ids")
            : null);
  }

  private static Safetensors expected(Path folder) {
    return Safetensors.open(folder.resolve("expected.safetensors"));
  }

  private static Path folder(String name) {
    return Path.of("resources/golden", name);
  }
}
