package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet train recipe.yaml}, flags and {@code --set} over it. */
class RecipeFileTest {
  @TempDir Path temporary;

  @Test
  void flagsComeOverTheFileAndAssignmentsOverBoth() throws IOException {
    Path recipe =
        Files.writeString(
            temporary.resolve("recipe.yaml"),
            """
            model: '%s'
            output: '%s'
            data: {train: '%s', max_length: 32}
            adapter:
              r: 4
              lora_alpha: 8
              target_modules: [query, value]
              rank_pattern: {layer.0.attention.self.query: 2}
            training:
              lr: 1.0e-3
              groups:
                head: {lr: 2.0e-3, weight_decay: 0.1}
                lora_B: x4
              epochs: 3
              batch_size: 8
            """
                .formatted(Embedded.MODEL, temporary.resolve("elsewhere"), Embedded.FEW));
    Path output = temporary.resolve("out");
    Cli cli =
        Cli.done(
            "train %s --epochs 2 --alpha 12 --output %s --set training.lr=1e-4"
                + " --set training.epochs=1 --set adapter.layers_to_transform=[0,5] --json",
            recipe, output);
    assertThat(cli.json().path("steps").asInt()).isEqualTo(3);
    assertThat(temporary.resolve("elsewhere")).doesNotExist();

    JsonNode settings =
        Cli.parse(Files.readString(output.resolve("lorikeet.json"))).path("settings");
    JsonNode training = settings.path("training");
    assertThat(training.path("lr").asDouble()).isEqualTo(1e-4);
    assertThat(training.path("epochs").asInt()).isEqualTo(1);
    assertThat(training.path("groups").path("head").path("weight_decay").asDouble()).isEqualTo(0.1);
    assertThat(training.path("groups").path("lora_B").path("multiplier").asDouble()).isEqualTo(4);
    assertThat(settings.path("adapter").path("lora_alpha").asDouble()).isEqualTo(12);

    JsonNode config = Cli.parse(Files.readString(output.resolve("adapter_config.json")));
    assertThat(config.path("layers_to_transform").toString()).isEqualTo("[0,5]");
    JsonNode tensors = Cli.done("adapter inspect %s --json", output).json().path("tensors");
    // Two layers, query and value, A and B; pooler and classifier with their biases.
    assertThat(tensors).hasSize(2 * 2 * 2 + 4);
    assertThat(tensors)
        .filteredOn(
            tensor -> tensor.path("name").asText().contains("0.attention.self.query.lora_A"))
        .singleElement()
        .extracting(tensor -> tensor.path("shape").toString())
        .isEqualTo("[2,384]");
  }
}
