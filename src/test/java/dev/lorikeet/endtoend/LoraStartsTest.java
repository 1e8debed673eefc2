package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet train} with starts that need data, or take something out of the weights. */
class LoraStartsTest {
  private static final String LINE =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --eval-data "
          + Embedded.EVAL
          + " --method lora --rank 4 --target-modules query,intermediate.dense --batch-size 8"
          + " --max-length 32 --epochs 1 --threads 2 --json ";

  @TempDir Path temporary;

  private static JsonNode config(Path adapter) throws IOException {
    return Cli.parse(Files.readString(adapter.resolve("adapter_config.json")));
  }

  private static void mustAnswerAsTrained(Path adapter, JsonNode trained) {
    JsonNode again =
        Cli.done(
                "evaluate --model %s --adapter %s --data %s --json",
                Embedded.MODEL, adapter, Embedded.EVAL)
            .json();
    // Batches of 32 instead of 8: other orders of the same float32 sums.
    assertThat(again.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-5));
  }

  @Test
  void evaSharesRanksOutAndSavesAnOrdinaryLora() throws IOException {
    Path output = temporary.resolve("eva");
    String line =
        LINE + "--set adapter.init_lora_weights=eva --set adapter.eva_config.tau=0.9 --output %s";
    Cli run = Cli.done(line, output);
    assertThat(run.err()).contains("init_lora_weights eva gives ranks {");
    JsonNode config = config(output);
    assertThat(config.path("init_lora_weights").asBoolean()).isTrue();
    int ranks = 4 * config.path("target_modules").size();
    for (JsonNode rank : config.path("rank_pattern")) {
      ranks += rank.asInt() - 4;
    }
    assertThat(ranks).isEqualTo(4 * 12);
    assertThat(config.path("rank_pattern")).isNotEmpty();
    mustAnswerAsTrained(output, run.json());

    Path again = temporary.resolve("again");
    Cli.done(line, again);
    String weights = "adapter_model.safetensors";
    assertThat(again.resolve(weights)).hasSameBinaryContentAs(output.resolve(weights));
  }

  @Test
  void loftqSavesAnOrdinaryLoraOfTheUnchangedBase() throws IOException {
    Path output = temporary.resolve("loftq");
    Cli run =
        Cli.done(
            LINE
                + "--set adapter.init_lora_weights=loftq --set adapter.loftq_config.loftq_bits=2"
                + " --output %s",
            output);
    assertThat(run.err())
        .contains("trains what quantisation would lose of each weight; the base stays as it is")
        .contains("an ordinary LoRA of rank 8");
    assertThat(config(output).path("r").asInt()).isEqualTo(8);
    assertThat(config(output).path("init_lora_weights").asBoolean()).isTrue();
    mustAnswerAsTrained(output, run.json());
  }
}
