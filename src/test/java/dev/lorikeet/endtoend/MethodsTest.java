package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The methods beside LoRA: each writes a whole checkpoint, which answers alone. */
class MethodsTest {
  private static final String QUERY = "encoder.layer.3.attention.self.query.weight";

  @TempDir Path temporary;

  @ParameterizedTest
  @CsvSource({
    // the encoder's 22,565,376, a pooler of 147,840 and a classifier of 3,080
    "full, 22716296, true",
    "scratch, 22716296, true",
    "probe, 150920, false",
  })
  void wholeCheckpointComesOut(String method, int trainable, boolean encoderMoves) {
    Path output = temporary.resolve(method);
    JsonNode trained =
        Cli.done(
                "train --model %s --data %s --eval-data %s --method %s --lr 1e-4 --epochs 1"
                    + " --batch-size 8 --max-length 32 --output %s --json",
                Embedded.MODEL, Embedded.FEW, Embedded.EVAL, method, output)
            .json();
    assertThat(trained.path("trainable_parameters").asInt()).isEqualTo(trainable);
    assertThat(trained.path("total_parameters").asInt()).isEqualTo(22_716_296);
    assertThat(output)
        .isDirectoryContaining("glob:**/config.json")
        .isDirectoryContaining("glob:**/model.safetensors")
        .isDirectoryContaining("glob:**/tokenizer.json")
        .isDirectoryContaining("glob:**/lorikeet.json");
    assertThat(isSameAsBase(output)).isEqualTo(!encoderMoves);

    JsonNode alone = Cli.done("evaluate --model %s --data %s --json", output, Embedded.EVAL).json();
    assertThat(alone.path("eval_accuracy")).isEqualTo(trained.path("eval_accuracy"));
    // Batches of 32 instead of 8: other orders of the same float32 sums.
    assertThat(alone.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-5));
  }

  private static boolean isSameAsBase(Path folder) {
    try (Scope scope = Scope.open()) {
      Safetensors base = Safetensors.open(Embedded.MODEL.resolve("model.safetensors"));
      Safetensors trained = Safetensors.open(folder.resolve("model.safetensors"));
      return base.tensor(QUERY).sameAs(trained.tensor("bert." + QUERY));
    }
  }
}
