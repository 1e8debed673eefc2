package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Classifiers' adapters as PEFT leaves them, with no lorikeet.json, have the labels that their head
 * tells apart, whatever config.json says: recorded by {@code record_heads.py} for five labels, on
 * bases with none or three.
 */
@Tag("numeric")
class PeftHeadsTest {
  private static final Path CASES = Path.of("resources/cases/peft-heads");
  private static final List<String> LABELS =
      List.of("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4");

  /**
   * Float32 keeps 24 bits, 6e-8 of a number; logits here are below 8, after some fifty roundings
   * that add up to their square root: 8 · 7 · 6e-8.
   */
  private static final float ROUNDING = 4e-6f;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"roberta", "electra", "llama", "gpt2"})
  void theyOpenAndAnswerAsInPeft(String name) {
    Path base = Tiny.modelOf(CASES.resolve(name), folder.resolve(name));
    Path adapter = CASES.resolve(name).resolve("adapter");
    Safetensors expected = Safetensors.open(CASES.resolve(name).resolve("expected.safetensors"));
    try (Scope scope = Scope.open();
        TextModel text = TextModel.open(base, adapter, ModelOptions.DEFAULT, null)) {
      Model model = text.model();
      assertThat(model.headType()).isEqualTo(HeadType.SEQUENCE_CLASSIFICATION);
      assertThat(model.config().labels()).isEqualTo(LABELS);
      Tensor ids = expected.tensor("input_ids").to(model.mode().device());
      Tensor mask = Tensor.full(1, DType.INT64, ids.device(), ids.shape());
      float[] logits = model.logits(new ModelInput(ids, mask, null)).toFloats();
      assertThat(logits).containsExactly(expected.tensor("logits").toFloats(), within(ROUNDING));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"roberta", "electra", "llama", "gpt2"})
  void theCommandLinePredictsTheirLabels(String name) throws IOException {
    Path base = Tiny.modelOf(CASES.resolve(name), folder.resolve(name));
    Path texts = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"a bird\"}\n");
    JsonNode answer =
        Cli.done(
                "predict --model %s --adapter %s/%s/adapter --data %s --json",
                base, CASES, name, texts)
            .json();
    assertThat(LABELS).contains(answer.get("label").asText());
  }
}
