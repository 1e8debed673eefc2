package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet train --method adalora}. */
class AdaLoraCommandTest {
  /** Three steps an epoch, six in all; ranks go after the second, third, fourth and fifth. */
  private static final String LINE =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --method adalora --set adapter.init_r=4 --set adapter.target_r=2 --set"
          + " adapter.tfinal=2 --set adapter.lora_dropout=0.1 --batch-size 8 --max-length 32"
          + " --epochs 2 --lr 1e-2 --set training.keep_best=false --threads 2 --json"
          + " --save-strategy steps --save-steps 1 ";

  private static final int LAYERS = 12; // query and value of six

  @TempDir Path temporary;

  private static String hash(Path adapter) {
    return FileHash.sha256(adapter.resolve("adapter_model.safetensors"));
  }

  @Test
  void halfOfTheRanksAreLeftAndTheAdapterAnswersTheSame() throws IOException {
    Path output = temporary.resolve("topics");
    String eachStep = "--eval-strategy steps --eval-steps 1 --set training.keep_best=true ";
    JsonNode trained =
        Cli.done(LINE + eachStep + "--eval-data %s --output %s", Embedded.EVAL, output).json();
    JsonNode config = Cli.parse(Files.readString(output.resolve("adapter_config.json")));
    assertThat(config.path("total_step").asInt()).isEqualTo(6);
    int left = 0;
    for (Map.Entry<String, JsonNode> layer : config.path("rank_pattern").properties()) {
      int rank = 0;
      for (JsonNode kept : layer.getValue()) {
        rank += kept.asBoolean() ? 1 : 0;
      }
      Safetensors file = Safetensors.open(output.resolve("adapter_model.safetensors"));
      try (Scope scope = Scope.open()) {
        assertThat(file.tensor("base_model.model." + layer.getKey()).size(0)).isEqualTo(rank);
      }
      left += rank - 4;
    }
    assertThat(4 * LAYERS + left).isEqualTo(2 * LAYERS);
    JsonNode again =
        Cli.done(
                "evaluate --model %s --adapter %s --data %s --json",
                Embedded.MODEL, output, Embedded.EVAL)
            .json();
    // Batches of 32 instead of 8: other orders of the same float32 sums.
    assertThat(again.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-5));
  }

  @Test
  void aRunThatGoesOnEndsWithTheSameBytes() throws IOException {
    Path whole = temporary.resolve("whole");
    Cli.done(LINE + "--output %s", whole);
    // One that was interrupted after its fourth step, when ranks had been taken away and more were
    // to be.
    Path checkpoints = temporary.resolve("whole.checkpoints");
    for (int step = 5; step <= 6; step++) {
      Path checkpoint = checkpoints.resolve("checkpoint-" + step);
      try (Stream<Path> files = Files.list(checkpoint)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(checkpoint);
    }
    Path resumed = temporary.resolve("resumed");
    Files.move(checkpoints, temporary.resolve("resumed.checkpoints"));
    Cli run = Cli.done(LINE + "--output %s --resume", resumed);
    assertThat(run.err()).contains("checkpoint-4");
    assertThat(hash(resumed)).isEqualTo(hash(whole));
    assertThat(resumed.resolve("adapter_config.json"))
        .hasSameTextualContentAs(whole.resolve("adapter_config.json"));
  }

  @Test
  void aScheduleThatTakesNothingAwayIsRefused() {
    Cli run = Cli.run(LINE + "--set adapter.tinit=4 --output %s", temporary.resolve("none"));
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err())
        .contains(
            "tinit is 4 and tfinal 2, and the run has 6 steps: none is left to take ranks away in");
  }
}
