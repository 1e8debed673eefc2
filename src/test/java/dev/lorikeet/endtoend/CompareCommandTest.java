package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet compare}: fine-tuning beside training from scratch. */
class CompareCommandTest {
  @TempDir Path temporary;

  @Test
  void bothRunsSeeTheSameBatchesAndStandInOneTable() throws IOException {
    Path output = temporary.resolve("compared");
    Cli cli =
        Cli.done(
            "compare --model %s --data %s --eval-data %s --rank 4 --alpha 8 --lr 1e-3"
                + " --lr-group lora_B=x4 --epochs 2 --batch-size 8 --max-length 32"
                + " --baseline scratch --initialization xavier --output %s",
            Embedded.MODEL, Embedded.FEW, Embedded.EVAL, output);

    assertThat(cli.out().lines().map(line -> line.strip().replaceFirst("\\s{2,}.*", "")))
        .containsExactly(
            "fine-tune",
            "accuracy, epoch 1",
            "accuracy, epoch 2",
            "trainable parameters",
            "total parameters",
            "training time",
            "tokens per second",
            "peak resident memory");
    assertThat(cli.out()).containsPattern("fine-tune +scratch").contains("22,716,296");
    assertThat(cli.err()).contains("fine-tune: epoch 2").contains("scratch: epoch 2");

    JsonNode json = Cli.parse(Files.readString(output.resolve("comparison.json")));
    JsonNode tuned = json.path("fine-tune");
    JsonNode scratch = json.path("scratch");
    assertThat(tuned.path("steps").asInt()).isEqualTo(6);
    for (String key : new String[] {"steps", "tokens", "padding_ratio", "eval_examples"}) {
      assertThat(scratch.path(key)).as(key).isEqualTo(tuned.path(key));
    }
    assertThat(tuned.path("eval_loss")).isNotEqualTo(scratch.path("eval_loss"));
    assertThat(scratch.path("trainable_parameters").asInt()).isEqualTo(22_716_296);
    assertThat(tuned.path("trainable_parameters").asInt()).isLessThan(400_000);
    assertThat(tuned.path("epochs")).hasSize(2);
    assertThat(output).isDirectoryContaining("glob:**/adapter_model.safetensors");
    for (String run : new String[] {"", "scratch"}) {
      assertThat(output.resolve(run)).isDirectoryContaining("glob:**/metrics.svg");
      assertThat(Files.readAllLines(output.resolve(run).resolve("metrics.jsonl")))
          .as("two evaluations and the last step")
          .hasSize(3);
    }
  }

  @Test
  void withoutOutputNothingIsWritten() {
    Cli cli =
        Cli.done(
            "compare --model %s --data %s --epochs 1 --batch-size 8 --max-length 32 --json",
            Embedded.MODEL, Embedded.FEW);
    assertThat(cli.json().path("scratch").path("steps").asInt()).isEqualTo(3);
    assertThat(temporary).isEmptyDirectory();
  }
}
