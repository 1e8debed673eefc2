package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Data sets with something wrong in them. */
class BadDataTest {
  private static final String GOOD =
      """
      {"text": "a robin", "label": "animal"}
      {"text": "an apple", "label": "food"}
      """;

  private static final String MALFORMED =
      """
      {"text": "a robin", "label": "animal"}
      {"text": "an oak", "label":
      {"text": "an apple", "label": "food"}
      {"text": 7, "label": "food"}
      {"text": "a loaf", "label": "food"}
      {"text": "a fox", "label": "animal"}
      """;

  @TempDir Path temporary;

  private Path data;

  @BeforeEach
  void nameData() {
    data = temporary.resolve("data.jsonl");
  }

  private void training(int status, String message, String flags) {
    Refusal.of(
        temporary,
        status,
        message,
        "train --model %s --data %s --output %s " + flags,
        Embedded.MODEL,
        data,
        temporary.resolve("out"));
  }

  @Test
  void missingFile() {
    training(1, data + ": no such file", "");
  }

  @Test
  void emptyFile() throws IOException {
    Files.createFile(data);
    training(1, data + ": no rows: is this the right file?", "");
  }

  @Test
  void oneLabelOnly() throws IOException {
    Files.writeString(data, "{\"text\": \"a\", \"label\": \"x\"}\n".repeat(3));
    training(
        1,
        "all examples have the same label \"x\", so there is nothing to learn: add examples of"
            + " another label",
        "");
  }

  @Test
  void unknownColumn() throws IOException {
    Files.writeString(data, "{\"text\": \"a\", \"label\": \"x\"}\n");
    training(
        2, data + ": no column \"gloss\"; nearest: label; there are: label, text", "--text gloss");
  }

  @Test
  void evaluationLabelThatTrainingNeverSaw() throws IOException {
    Files.writeString(data, GOOD);
    Path held = temporary.resolve("held.jsonl");
    Files.writeString(held, "{\"text\": \"a rose\", \"label\": \"plant\"}\n");
    training(
        1,
        held + ":1: unknown label \"plant\"; nearest: food; the model knows: animal, food",
        "--eval-data " + held);
  }

  @Test
  void malformedRowIsNamedWithFileAndLine() throws IOException {
    Files.writeString(data, MALFORMED);
    training(
        1,
        data
            + ":2: not JSON: it ends too early, at character 28; mend the row, or have bad rows"
            + " skipped",
        "");
  }

  @Test
  void malformedRowsCanBeSkippedAndAreCounted() throws IOException {
    Files.writeString(data, MALFORMED);
    Path output = temporary.resolve("out");
    Cli cli =
        Cli.done(
            "train --model %s --data %s --output %s --on-bad-row skip --epochs 1 --batch-size 2"
                + " --warmup-ratio 0",
            Embedded.MODEL, data, output);
    assertThat(cli.err())
        .contains(data + ": skipped 2 malformed rows, the first of them:\n")
        .contains("  " + data + ":2: not JSON: it ends too early, at character 28\n")
        .contains("  " + data + ":4: \"text\" is a number or a boolean, not a string\n");
    JsonNode train =
        Cli.parse(Files.readString(output.resolve("lorikeet.json"))).path("data").path("train");
    assertThat(train.path("skipped").asInt()).isEqualTo(2);
    assertThat(train.path("examples").asInt()).isEqualTo(4);

    Cli scored =
        Cli.done(
            "evaluate --model %s --adapter %s --data %s --on-bad-row skip",
            Embedded.MODEL, output, data);
    assertThat(scored.err()).contains("skipped 2 malformed rows");
    assertThat(scored.out()).contains("eval_examples 4");
  }
}
