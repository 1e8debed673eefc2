package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tiny encoder-decoder (the golden T5's random weights) learns to answer texts by texts. */
class SequenceToSequenceTest {
  private static final Path RESOURCES = Path.of("resources");

  @TempDir Path temporary;
  private Path model;
  private Path rows;

  @BeforeEach
  void copyModel() throws IOException {
    model = Files.createDirectory(temporary.resolve("t5"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(RESOURCES.resolve("golden/t5-seq2seq-lora").resolve(name), model.resolve(name));
    }
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(RESOURCES.resolve("chat/tiny").resolve(name), model.resolve(name));
    }
    rows =
        Files.writeString(
            temporary.resolve("rows.jsonl"),
            """
            {"text": "one two", "target": "eins zwei"}
            {"text": "three", "target": "drei"}
            """);
  }

  /** The number is transformers', of {@code src/test/interop/chat_tokenizers.py}. */
  @Test
  void theLossIsThatOfTransformers() throws IOException {
    double expected =
        Cli.parse(Files.readString(RESOURCES.resolve("chat/tiny/losses.json")))
            .path("seq2seq-lm")
            .asDouble();
    // Sums of float32 in another order.
    assertThat(loss(model, "")).isCloseTo(expected, within(1e-4));
  }

  @Test
  void targetsAreLearnedSavedAndMerged() throws IOException {
    Path adapter = temporary.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --eval-data %s --task seq2seq-lm --method lora --rank 8"
            + " --alpha 32 --lr 2e-2 --epochs 80 --batch-size 2 --output %s",
        model, rows, rows, adapter);
    JsonNode config = Cli.parse(Files.readString(adapter.resolve("adapter_config.json")));
    assertThat(config.path("task_type").asText()).isEqualTo("SEQ_2_SEQ_LM");
    double tuned = loss(model, "--adapter " + adapter);
    assertThat(tuned).isLessThan(1); // from 20
    Path merged = temporary.resolve("merged");
    Cli.done("merge --model %s --adapter %s --output %s", model, adapter, merged);
    // Merging rounds each weight once to float32.
    assertThat(loss(merged, "")).isCloseTo(tuned, within(1e-3));
  }

  private double loss(Path checkpoint, String flags) {
    return Cli.done("evaluate --json --model %s --data %s %s", checkpoint, rows, flags)
        .json()
        .path("eval_loss")
        .asDouble();
  }
}
