package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet train --dry-run}, and what it announces. */
class DryRunTest {
  private static final String FEW =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --batch-size 8 --epochs 2 --max-length 32 --threads 2 ";

  @TempDir Path temporary;

  @Test
  void theGroupsArePrintedAndNothingIsWritten() {
    Path output = temporary.resolve("never");
    JsonNode json =
        Cli.done(
                FEW
                    + "--rank 4 --lr 1e-3 --lr-group head=2e-3 --warmup-steps 2 --weight-decay 0.01"
                    + " --set training.loraplus_lr_ratio=16 --dry-run --json --output %s",
                output)
            .json();
    // 24 examples in batches of 8, twice.
    assertThat(json.path("steps").asInt()).isEqualTo(6);
    ObjectNode groups = JsonNodeFactory.instance.objectNode();
    json.path("groups").forEach(group -> groups.set(group.path("name").asText(), group));
    assertThat(groups.properties())
        .extracting(Map.Entry::getKey)
        .containsExactlyInAnyOrder("default", "default, LoRA+", "head", "head, no decay");
    JsonNode b = groups.path("default, LoRA+");
    assertThat(b.path("tensors").asInt()).isEqualTo(6 * 6);
    // Rank 4, out of 384 rows; of 1536 in one of the six.
    assertThat(b.path("parameters").asInt()).isEqualTo(6 * 4 * (5 * 384 + 1536));
    assertThat(b.path("lr").asDouble()).isEqualTo(16e-3);
    assertThat(b.path("warmup_steps").asInt()).isEqualTo(2);
    assertThat(groups.path("head").path("lr").asDouble()).isEqualTo(2e-3);
    assertThat(Files.exists(output)).isFalse();
  }

  @Test
  void peopleReadATable() {
    String out =
        Cli.done(
                FEW
                    + "--method full --preset fine-tune --set training.unfreeze_epochs=1"
                    + " --set training.freeze_layers=2 --dry-run")
            .out();
    assertThat(out)
        .contains("5.00e-05", "linear", "frozen", "6 steps, 3 an epoch", "0-15")
        .endsWith("nothing was trained or written\n");
  }

  @Test
  void loraFaLeavesAAsItWasDrawn() {
    Map<String, byte[]> slow = trained("1e-4");
    Map<String, byte[]> fast = trained("1e-2");
    assertThat(slow.keySet()).isEqualTo(fast.keySet()).anyMatch(name -> name.contains("lora_A"));
    slow.forEach(
        (name, bytes) -> {
          if (name.contains("lora_A")) {
            assertThat(fast.get(name)).as(name).isEqualTo(bytes);
          } else {
            assertThat(fast.get(name)).as(name).isNotEqualTo(bytes);
          }
        });
  }

  private Map<String, byte[]> trained(String lr) {
    Path output = temporary.resolve("lr" + lr);
    Cli.done(
        FEW + "--lr %s --target-modules query --set training.lora_fa=true --output %s", lr, output);
    Map<String, byte[]> bytes = new TreeMap<>();
    try (Scope scope = Scope.open()) {
      Safetensors file = Safetensors.open(output.resolve("adapter_model.safetensors"));
      file.names().forEach(name -> bytes.put(name, file.tensor(name).toBytes()));
    }
    return bytes;
  }
}
