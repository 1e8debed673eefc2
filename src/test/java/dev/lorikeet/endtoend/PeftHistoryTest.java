package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * adapter_config.json as PEFT's versions wrote it, with the keys that each had: one adapter, the
 * same answers.
 */
class PeftHistoryTest {
  private static final Path BASE = Path.of("resources/golden/llama-lm-lora");

  /** What every version has written, beside its own keys. */
  private static final String COMMON =
      """
      "base_model_name_or_path": "org/base", "bias": "none", "fan_in_fan_out": false,
      "inference_mode": true, "lora_alpha": 8, "lora_dropout": 0.0, "modules_to_save": null,
      "peft_type": "LORA", "r": 4, "task_type": "CAUSAL_LM",
      "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
      """;

  private static final String V4 =
      """
      , "auto_mapping": null, "init_lora_weights": true, "layers_pattern": null,
      "layers_to_transform": null, "revision": null
      """;

  private static final String V8 =
      """
      , "alpha_pattern": {}, "rank_pattern": {}, "loftq_config": {}, "megatron_config": null,
      "megatron_core": "megatron.core", "use_rslora": false
      """;

  private static final String V14 =
      """
      , "use_dora": false, "layer_replication": null, "eva_config": null, "exclude_modules": null,
      "lora_bias": false
      """;

  private static final String V17 =
      """
      , "corda_config": null, "trainable_token_indices": null, "use_qalora": false,
      "qalora_group_size": 16, "target_parameters": []
      """;

  static List<String> configs() {
    return List.of(
        "{" + COMMON + ", \"enable_lora\": null, \"merge_weights\": false}", // 0.2
        "{" + COMMON + V4 + "}", // 0.4, 0.5
        "{" + COMMON + V4 + ", \"alpha_pattern\": {}, \"rank_pattern\": {}}", // 0.6
        "{" + COMMON + V4 + V8 + "}", // 0.8
        "{" + COMMON + V4 + V8 + ", \"use_dora\": false, \"layer_replication\": null}", // 0.10
        "{" + COMMON + V4 + V8 + V14 + "}", // 0.14
        "{" + COMMON + V4 + V8 + V14 + V17 + "}"); // 0.17
  }

  @TempDir Path temporary;

  private void adapter(String config) throws IOException {
    Files.writeString(temporary.resolve(AdapterFolder.CONFIG), config);
    Files.copy(
        BASE.resolve("adapter").resolve(AdapterFolder.WEIGHTS),
        temporary.resolve(AdapterFolder.WEIGHTS));
  }

  private static Tensor logits(Path adapter) {
    try (Model model = Model.open(BASE, ModelOptions.DEFAULT)) {
      AdapterFolder.open(adapter).attachTo(model);
      Tensor ids = Tensor.of(new long[] {5, 61, 7, 9, 80, 33}, 2, 3);
      return model.logits(new ModelInput(ids, null, null)).copy();
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void anAdapterOfAnyVersionAnswersTheSame(String config) throws IOException {
    adapter(config);
    try (Scope scope = Scope.open()) {
      assertThat(logits(temporary).sameAs(logits(BASE.resolve("adapter")))).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void itsKeysComeBackUnchanged(String config) throws IOException {
    adapter(config.replaceFirst("\\{", "{\"made_up\": {\"by\": [\"another\", 1.5, null]}, "));
    Path again = Files.createDirectory(temporary.resolve("again"));
    try (Scope scope = Scope.open();
        Model model = Model.open(BASE, ModelOptions.DEFAULT)) {
      AdapterFolder folder = AdapterFolder.open(temporary);
      AdapterFolder.write(folder.attachTo(model), folder.json(), again);
    }
    JsonNode before = Cli.parse(Files.readString(temporary.resolve(AdapterFolder.CONFIG)));
    JsonNode after = Cli.parse(Files.readString(again.resolve(AdapterFolder.CONFIG)));
    for (Map.Entry<String, JsonNode> key : before.properties()) {
      boolean emptyList = key.getValue().isArray() && key.getValue().isEmpty();
      if (!emptyList) {
        assertThat(after.path(key.getKey())).as(key.getKey()).isEqualTo(key.getValue());
      }
    }
  }

  @Test
  void picklesAreRefusedWithTheMend() throws IOException {
    adapter("{" + COMMON + V4 + "}");
    Files.move(temporary.resolve(AdapterFolder.WEIGHTS), temporary.resolve("adapter_model.bin"));
    assertThatThrownBy(() -> logits(temporary))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            temporary
                + " has its tensors in adapter_model.bin only, and opening a pickle can run any"
                + " code: convert it to safetensors (PEFT: model.save_pretrained(folder,"
                + " safe_serialization=True))");
  }
}
