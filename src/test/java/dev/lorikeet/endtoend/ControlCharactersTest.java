package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What strangers' files say is shown; a terminal, or a reader of lines, is not led by it. */
class ControlCharactersTest {
  /** What clears a screen, in two ways, turns the direction of writing, and begins a new line. */
  private static final String HOSTILE = "x\u001b[2J\u009b2J\u007f\u202e\u2066\u2028\ny";

  private static final String SHOWN = "x\\u001b[2J\\u009b2J\\u007f\\u202e\\u2066\\u2028\\ny";

  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069&&[^\n\r]]");

  private static final Path MODEL = Path.of("resources/cases/truncation-left/model");

  @TempDir Path temporary;

  private Path copied(Path folder) throws IOException {
    Path copy = Files.createDirectory(temporary.resolve("copy"));
    for (String name :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(folder.resolve(name), copy.resolve(name));
    }
    return copy;
  }

  private static void mustBePrintable(Cli cli) {
    assertThat(cli.out() + cli.err()).doesNotContainPattern(CONTROL);
  }

  @Test
  void anErrorIsOneLine() {
    String folder = "resources/cases/terminal-escapes/adapter";
    Cli cli = Cli.run("adapter inspect " + folder);
    assertThat(cli.err())
        .startsWith(
            "error: "
                + folder
                + "/adapter_config.json: peft_type \"x\\u001b[2J\\u001b[31mdone: adapter is safe"
                + "\\nwritten to /etc\" is not supported; supported: ADALORA, ");
    assertThat(cli.err().lines()).hasSize(1);
    assertThat(cli.status()).isEqualTo(1);
    mustBePrintable(cli);
  }

  @Test
  void aReportShowsNamesAndValuesInTheirLines() throws IOException {
    Files.writeString(
        temporary.resolve("adapter_config.json"),
        Tiny.json(Map.of("peft_type", "LORA", "r", 1, "lora_alpha", 2, "task_type", HOSTILE)));
    String module = "base_model.model." + HOSTILE + ".lora_";
    try (Scope scope = Scope.open()) {
      Safetensors.write(
          temporary.resolve("adapter_model.safetensors"),
          Map.of(
              module + "A.weight", Tensor.of(new float[] {1, 2}, 1, 2),
              module + "B.weight", Tensor.of(new float[] {0, 0}, 2, 1)),
          Map.of());
    }
    Cli cli = Cli.done("adapter inspect %s", temporary);
    assertThat(cli.out())
        .containsPattern("(?m)^task_type +" + Pattern.quote(SHOWN) + "$")
        .containsPattern("(?m)^  base_model\\.model\\." + Pattern.quote(SHOWN) + "\\.lora_A")
        .containsPattern("(?m)^  " + Pattern.quote(SHOWN) + " +r=1 ")
        .contains("warning: base_model.model." + SHOWN + ".lora_B.weight is zero");
    mustBePrintable(cli);
    Cli machine = Cli.done("adapter inspect %s --json", temporary);
    assertThat(machine.json().path("task_type").asText()).isEqualTo(HOSTILE);
    mustBePrintable(machine);
  }

  @Test
  void labelsOfAModelAreShownAndKeptInJson() throws IOException {
    Path model = copied(MODEL);
    String config = Files.readString(model.resolve("config.json"));
    ObjectNode json = (ObjectNode) Cli.parse(config);
    json.putObject("id2label").put("0", HOSTILE).put("1", HOSTILE + "1").put("2", HOSTILE + "2");
    json.remove("label2id");
    Files.writeString(model.resolve("config.json"), json.toString());
    String predict = "predict --model %s --task sequence-classification --top-k 3 text";
    Cli people = Cli.done(predict, model);
    assertThat(people.out().lines()).hasSize(4);
    assertThat(people.out()).contains("  " + SHOWN + "\n").contains("  " + SHOWN + "2\n");
    mustBePrintable(people);
    Cli machine = Cli.done(predict + " --json", model);
    assertThat(machine.json().path("label").asText()).startsWith(HOSTILE);
    mustBePrintable(machine);
  }

  @Test
  void settingsAndSkippedRowsAreLines() throws IOException {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path data =
        Tiny.file(
            temporary.resolve("d.jsonl"),
            Tiny.json(Map.of(HOSTILE, "an apple", "label", "fruit"))
                + "\n"
                + Tiny.json(Map.of(HOSTILE, "the dog", "label", "animal"))
                + "\n"
                + Tiny.json(Map.of("text", "no such column", "label", "animal"))
                + "\n");
    Cli cli =
        Cli.ofWords(
            "train",
            "--model",
            model.toString(),
            "--data",
            data.toString(),
            "--text",
            HOSTILE,
            "--on-bad-row",
            "skip",
            "--dry-run");
    assertThat(cli.status()).as(cli.err()).isZero();
    assertThat(cli.err().lines().findFirst().orElseThrow()).startsWith("settings: {");
    JsonNode settings =
        Cli.parse(cli.err().lines().findFirst().orElseThrow().substring("settings: ".length()));
    assertThat(settings.toString()).contains("x\\u001B[2J");
    assertThat(cli.err()).contains("\n  " + data + ":3: ").contains("\"" + SHOWN + "\"");
    mustBePrintable(cli);
  }

  @Test
  void aLongMessageIsCut() throws IOException {
    Path data = Tiny.file(temporary.resolve("d.csv"), "column,".repeat(2_000) + "last\na\n");
    Cli cli =
        Cli.run(
            "evaluate --model %s --data %s --task sequence-classification --text nothing",
            MODEL, data);
    assertThat(cli.err())
        .startsWith("error: " + data + ": no column \"nothing\"; nearest: ")
        .contains("column, ")
        .containsPattern(" \\.\\.\\. \\([\\d,]+ characters left out\\) \\.\\.\\. ")
        .endsWith("column, last\n")
        .hasSizeLessThan(1_010);
    assertThat(cli.status()).isEqualTo(2);
  }
}
