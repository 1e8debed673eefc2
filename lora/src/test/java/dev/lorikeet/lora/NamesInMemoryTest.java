package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * ViT's modules, which transformers 5 calls otherwise in memory than checkpoints do on disk: {@code
 * vit.layers.0.attention.q_proj}, {@code vit.encoder.layer.0.attention.attention.query}.
 */
@Tag("numeric")
class NamesInMemoryTest {
  private static final String VIT = "vit-classify-lora";
  private static final ObjectMapper JSON = new ObjectMapper();

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

  private static Path peft() {
    return TinyBert.folder(VIT).resolve("adapter");
  }

  private static Tensor logits(Path adapter) {
    try (Model model = TinyBert.open(VIT)) {
      AdapterFolder.open(adapter).attachTo(model);
      return logits(model);
    }
  }

  private static Tensor logits(Model model) {
    Tensor pixels = Tensor.arange(0, 3 * 16 * 16, model.mode().device()).mul(0.001);
    return model.logits(ModelInput.ofImages(pixels.reshape(1, 3, 16, 16)));
  }

  @Test
  void adaptersAreWrittenWithTheNamesInMemory() throws IOException {
    try (Model model = TinyBert.open(VIT)) {
      AdapterFolder folder = AdapterFolder.open(peft());
      AdapterFolder.write(folder.attachTo(model), folder.json(), copy);
    }
    assertThat(copy.resolve(AdapterFolder.WEIGHTS))
        .hasSameBinaryContentAs(peft().resolve(AdapterFolder.WEIGHTS));
  }

  @Test
  void adaptersWithTheNamesOnDiskOpenTheSame() throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(peft().resolve(AdapterFolder.CONFIG).toFile());
    json.putArray("target_modules").add("query").add("value");
    JSON.writeValue(copy.resolve(AdapterFolder.CONFIG).toFile(), json);
    Safetensors file = Safetensors.open(peft().resolve(AdapterFolder.WEIGHTS));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : file.names()) {
      String onDisk =
          name.replace("vit.layers.", "vit.encoder.layer.")
              .replace("attention.q_proj", "attention.attention.query")
              .replace("attention.v_proj", "attention.attention.value");
      tensors.put(onDisk, file.tensor(name));
    }
    Safetensors.write(copy.resolve(AdapterFolder.WEIGHTS), tensors, Map.of("format", "pt"));
    assertThat(logits(copy).sameAs(logits(peft()))).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "query, value                       | q_proj, v_proj",
        "q_proj, value                      | q_proj, v_proj",
        "attention.output.dense             | o_proj",
        "output.dense                       | o_proj, fc2",
        "encoder.layer.1.intermediate.dense | vit.layers.1.mlp.fc1",
        ".*layer\\.0.*query                 | vit.layers.0.attention.q_proj",
        ".*\\.0\\..*q_proj                  | .*\\.0\\..*q_proj",
      })
  void targetsByEitherNameAreWrittenByThatInMemory(String typed, String written)
      throws IOException {
    try (Model model = TinyBert.open(VIT)) {
      LoraConfig config = LoraConfig.DEFAULT.withTargets(Targets.parse(typed));
      AdapterFolder.write(Adapter.attach(model, config, 1), JSON.createObjectNode(), copy);
    }
    JsonNode targets =
        JSON.readTree(copy.resolve(AdapterFolder.CONFIG).toFile()).path("target_modules");
    List<String> found =
        targets.isTextual()
            ? List.of(targets.asText())
            : StreamSupport.stream(targets.spliterator(), false).map(JsonNode::asText).toList();
    assertThat(found).containsExactly(written.split(", "));
  }

  @Test
  void allLinearIsTheTwelveLayersOfTheEncoder() {
    try (Model model = TinyBert.open(VIT)) {
      Adapter adapter = Adapter.attach(model, LoraConfig.DEFAULT, 1);
      assertThat(adapter.layers().keySet())
          .hasSize(12)
          .contains("vit.layers.1.mlp.fc2")
          .doesNotContain("classifier");
    }
  }

  @Test
  void peftHasNoDefaultTargetsForVit() {
    try (Model model = TinyBert.open(VIT)) {
      LoraConfig config = LoraConfig.DEFAULT.withTargets(Targets.of());
      assertThatThrownBy(() -> Adapter.attach(model, config, 1))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "target_modules is missing, and there are no default ones for model_type \"vit\":"
                  + " name them, or all-linear");
    }
  }
}
