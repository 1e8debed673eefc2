package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What training knew, commands know from the adapter: its base, task, columns and length. */
class AdapterAloneTest {
  @TempDir static Path shared;
  private static Path base;
  private static Path rows;
  private static Path adapter;
  private static JsonNode trained;

  @TempDir Path temporary;

  @BeforeAll
  static void train() {
    base = Tiny.model("bert-classify-lora", shared);
    rows =
        Tiny.file(
            shared.resolve("rows.jsonl"),
            """
            {"gloss": "an apple", "topic": "fruit"}
            {"gloss": "the dog", "topic": "animal"}
            {"gloss": "an acorn that is far too long for it", "topic": "fruit"}
            {"gloss": "the fox", "topic": "animal"}
            """);
    adapter = shared.resolve("adapter");
    trained =
        Cli.done(
                "train --model %s --data %s --eval-data %s --text gloss --label topic --epochs 1"
                    + " --batch-size 4 --max-length 14 --output %s --json",
                base, rows, rows, adapter)
            .json();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--adapter %s", "--model %s"})
  void evaluationNeedsNothingElse(String flag) {
    JsonNode scored = Cli.done("evaluate " + flag + " --data %s --json", adapter, rows).json();
    // One batch of four rows, as in training: the same operations on the same numbers.
    assertThat(scored.path("eval_loss")).isEqualTo(trained.path("eval_loss"));
  }

  @Test
  void predictionsMergesAndExportsNeedNothingElse() {
    List<JsonNode> answers =
        Cli.done("predict --model %s --data %s --json", adapter, rows).jsonLines();
    assertThat(answers).hasSize(4);
    Path merged = temporary.resolve("merged");
    Cli.done("merge --adapter %s --output %s", adapter, merged);
    assertThat(
            Cli.done("predict --model %s --data %s --text gloss --json", merged, rows).jsonLines())
        .extracting(answer -> answer.path("label").asText())
        .containsExactlyElementsOf(
            answers.stream().map(answer -> answer.path("label").asText()).toList());
    JsonNode exported =
        Cli.done(
                "export --model %s --verify-data %s --output %s --json",
                adapter, rows, temporary.resolve("onnx"))
            .json();
    assertThat(exported.path("verified_rows").asInt()).isEqualTo(4);
  }

  @Test
  void aColumnThatIsNamedIsReadInsteadOfTheRuns() {
    Path other = Tiny.file(temporary.resolve("other.jsonl"), "{\"q\": \"an apple\"}\n");
    assertThat(
            Cli.done("predict --adapter %s --data %s --text q --json", adapter, other).jsonLines())
        .hasSize(1);
    Cli without = Cli.run("predict --adapter %s --data %s", adapter, other);
    assertThat(without.status()).isEqualTo(2);
    assertThat(without.err()).contains("gloss");
  }

  @Test
  void aBaseIsFoundFromTheAdaptersFolderToo() throws IOException {
    Path moved = copyOfAdapter();
    Tiny.model("bert-classify-lora", temporary.resolve("models"));
    rename(moved, "../models/bert-classify-lora");
    Cli.done("evaluate --adapter %s --data %s", moved, rows);
  }

  @Test
  void aBaseThatIsNowhereIsNamed() throws IOException {
    Path moved = copyOfAdapter();
    rename(moved, "/no/such/model");
    Refusal.of(
        temporary,
        1,
        moved + " was trained on /no/such/model, which is not here: give --model",
        "evaluate --adapter %s --data %s",
        moved,
        rows);
  }

  private Path copyOfAdapter() throws IOException {
    Path copy = Files.createDirectories(temporary.resolve("copy"));
    for (String name :
        List.of(
            "adapter_config.json",
            "adapter_model.safetensors",
            "lorikeet.json",
            "tokenizer.json",
            "tokenizer_config.json")) {
      Files.copy(adapter.resolve(name), copy.resolve(name));
    }
    return copy;
  }

  /** Has an adapter say that its base is elsewhere. */
  private static void rename(Path adapter, String base) throws IOException {
    for (String name : List.of("adapter_config.json", "lorikeet.json")) {
      ObjectNode json = (ObjectNode) Cli.parse(Files.readString(adapter.resolve(name)));
      if (json.has("base")) {
        ((ObjectNode) json.path("base")).put("path", base);
        ((ObjectNode) json.path("settings")).put("model", base);
      } else {
        json.put("base_model_name_or_path", base);
      }
      Files.writeString(adapter.resolve(name), json.toString());
    }
  }

  @Test
  void anUnseenLabelNamesFileAndLine() {
    Path others =
        Tiny.file(
            temporary.resolve("others.jsonl"),
            "{\"gloss\": \"a\", \"topic\": \"fruit\"}\n{\"gloss\": \"b\", \"topic\": \"fruits\"}\n");
    String message =
        others + ":2: unknown label \"fruits\"; nearest: fruit; the model knows: animal, fruit";
    Refusal.of(temporary, 1, message, "evaluate --adapter %s --data %s", adapter, others);
    Refusal.of(
        temporary,
        1,
        message,
        "train --model %s --data %s --eval-data %s --text gloss --label topic --output %s",
        base,
        rows,
        others,
        temporary.resolve("out"));
  }

  @Test
  void nothingAtAllIsAskedAbout() {
    Refusal.of(
        temporary,
        2,
        "give --model, or --adapter, which knows its base",
        "evaluate --data %s",
        rows);
    Refusal.of(
        temporary,
        2,
        "--model %s is an adapter, and so is --adapter %s: give one".formatted(adapter, adapter),
        "evaluate --model %s --adapter %s --data %s",
        adapter,
        adapter,
        rows);
    Refusal.of(
        temporary,
        2,
        "there is nothing to merge: give --adapter",
        "merge --model %s --output %s",
        base,
        temporary.resolve("out"));
  }
}
