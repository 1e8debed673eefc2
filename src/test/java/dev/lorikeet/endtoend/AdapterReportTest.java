package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code adapter inspect} says of a folder alone. */
class AdapterReportTest {
  private static final String A = "base_model.model.layer.0.q.lora_A.weight";
  private static final String B = "base_model.model.layer.0.q.lora_B.weight";
  private static final String IDLE_A = "base_model.model.layer.1.q.lora_A.weight";
  private static final String IDLE_B = "base_model.model.layer.1.q.lora_B.weight";

  @TempDir Path temporary;

  private JsonNode inspected(Map<String, Tensor> tensors) throws IOException {
    Files.writeString(
        temporary.resolve("adapter_config.json"),
        """
        {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "target_modules": ["q"],
         "alpha_pattern": {"layer.1.q": 8}, "base_model_name_or_path": "org/base"}
        """);
    Safetensors.write(temporary.resolve("adapter_model.safetensors"), tensors, Map.of());
    return Cli.done("adapter inspect %s --json", temporary).json();
  }

  @Test
  void updatesHaveTheirNormsAndWhatIsWrongIsSaid() throws IOException {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      // BA = [[1, 2], [0, 0]] + [[0, 0], [3, 4]], of norm √(1 + 4 + 9 + 16); s = 6 / 2.
      tensors.put(A, Tensor.of(new float[] {1, 2, 3, 4}, 2, 2));
      tensors.put(B, Tensor.of(new float[] {1, 0, 0, 1}, 2, 2));
      tensors.put(IDLE_A, Tensor.of(new float[] {1, Float.NaN, 3, 4}, 2, 2));
      tensors.put(IDLE_B, Tensor.of(new float[4], 2, 2));
      JsonNode json = inspected(tensors);
      JsonNode update = json.path("updates").path(0);
      assertThat(update.path("module").asText()).isEqualTo("layer.0.q");
      assertThat(update.path("r").asInt()).isEqualTo(2);
      assertThat(update.path("scaling").asDouble()).isEqualTo(3);
      // Sums of some numbers in float32.
      assertThat(update.path("norm_A").asDouble()).isCloseTo(Math.sqrt(30), within(1e-6));
      assertThat(update.path("norm_B").asDouble()).isCloseTo(Math.sqrt(2), within(1e-6));
      assertThat(update.path("norm_update").asDouble()).isCloseTo(3 * Math.sqrt(30), within(1e-5));
      assertThat(json.path("updates").path(1).path("alpha").asDouble()).isEqualTo(8);
      assertThat(json.path("warnings"))
          .extracting(JsonNode::asText)
          .containsExactlyInAnyOrder(
              IDLE_A + " has NaN or infinite elements", IDLE_B + " is zero: the update is none");
      assertThat(json.path("dtype").asText()).isEqualTo("float32");
      assertThat(json.path("base_model_name_or_path").asText()).isEqualTo("org/base");
      assertThat(Cli.done("adapter inspect %s", temporary).out())
          .contains("warning: " + IDLE_A + " has NaN or infinite elements")
          .containsPattern("layer\\.0\\.q +r=2 +s=3\\.000 +\\|A\\| 5\\.4772");
    }
  }

  @Test
  void kernelsAreMatricesAndWhatHasNoProductIsSaid() throws IOException {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put(A, Tensor.of(new float[] {1, 2, 3, 4}, 2, 1, 1, 2));
      tensors.put(B, Tensor.of(new float[] {1, 0, 0, 1}, 2, 2, 1, 1));
      tensors.put(IDLE_A, Tensor.of(new float[] {1, 2, 3}, 3, 1));
      tensors.put(IDLE_B, Tensor.of(new float[] {1, 2}, 2));
      JsonNode json = inspected(tensors);
      assertThat(json.path("updates")).hasSize(1);
      // As of two matrices: sums of some numbers in float32.
      assertThat(json.path("updates").path(0).path("norm_update").asDouble())
          .isCloseTo(3 * Math.sqrt(30), within(1e-5));
      assertThat(json.path("warnings"))
          .extracting(JsonNode::asText)
          .containsExactly(IDLE_A + " is [3, 1] and " + IDLE_B + " [2]: they have no product");
    }
  }

  @Test
  void otherMethodsAreToldByTheirTensors() {
    JsonNode json =
        Cli.done("adapter inspect resources/golden/bert-classify-ia3/adapter --json").json();
    assertThat(json.path("peft_type").asText()).isEqualTo("IA3");
    assertThat(json.path("tensors")).isNotEmpty().allMatch(t -> t.path("norm").asDouble() > 0);
    assertThat(json.has("updates")).isFalse();
  }

  @Test
  void trainedAdapterSaysWhatItWasTrainedOn() {
    JsonNode json = Cli.done("adapter inspect %s --json", Trained.ADAPTER).json();
    assertThat(json.path("base").path("path").asText()).isEqualTo(Embedded.MODEL.toString());
    assertThat(json.path("base").path("fingerprint").asText()).hasSize(64);
    assertThat(json.path("warnings")).isEmpty();
  }
}
