package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.cli.Lorikeet;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Input for which the JVM's memory or stack, or a parser's bound, is too small: one line. */
class EndsOfTheJvmTest {
  private static final String DEEP = "[".repeat(2_000) + "]".repeat(2_000);

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"rows.jsonl", "rows.csv"})
  void aRowLargerThanTheHeapIsOneLine(String name) throws IOException, InterruptedException {
    Path rows = folder.resolve(name);
    try (BufferedWriter writer = Files.newBufferedWriter(rows)) {
      writer.write(name.endsWith("l") ? "{\"label\": \"a\", \"text\": \"" : "label,text\na,");
      for (int i = 0; i < 60; i++) {
        writer.write("a".repeat(1_000_000));
      }
      writer.write(name.endsWith("l") ? "\"}\n" : "\n");
    }
    // A heap of 64 MiB has no room for a row of 60.
    JavaProcess ended =
        lorikeet(
            "-Xmx64m",
            "train",
            "--model",
            model().toString(),
            "--data",
            rows.toString(),
            "--output",
            folder.resolve("out").toString());
    assertThat(error(ended))
        .isEqualTo("error: out of memory: set LORIKEET_HEAP, to 4g for example");
    assertThat(folder.resolve("out")).doesNotExist();
  }

  @Test
  void aStackThatEndsIsOneLine() throws IOException, InterruptedException {
    Path config = folder.resolve("config.json");
    String json = Files.readString(Path.of("resources/golden/bert-classify-lora/config.json"));
    String deep = "[".repeat(990) + "]".repeat(990); // what JSON may be
    Files.writeString(config, json.strip().replaceFirst("}$", ", \"x\": " + deep + "}"));
    JavaProcess ended =
        lorikeet("-Xss256k", "adapter", "plan", "--method", "lora", "--model", config.toString());
    assertThat(error(ended))
        .isEqualTo(
            "error: the input is nested too deeply: the stack of the JVM does not suffice to read it");
  }

  @Test
  void deepRowsAreToldWithTheirPlace() throws IOException {
    Path model = model();
    Path rows = Files.writeString(folder.resolve("rows.jsonl"), "{\"text\": " + DEEP + "}\n");
    Refusal.of(
        folder,
        1,
        rows
            + ":1: not JSON: document nesting depth (1001) exceeds the maximum allowed (1000);"
            + " mend the row, or have bad rows skipped",
        "predict --model %s --task sequence-classification --data %s",
        model,
        rows);
  }

  @Test
  void deepSettingsAreToldByTheirFile() throws IOException {
    Path config = Files.writeString(folder.resolve("config.json"), "{\"x\": " + DEEP + "}");
    Refusal.of(
        folder,
        1,
        config + " is not JSON: document nesting depth (1001) exceeds the maximum allowed (1000)",
        "adapter plan --method lora --model %s",
        config);
    Path recipe = Files.writeString(folder.resolve("deep.yaml"), "model: " + DEEP);
    Refusal.of(
        folder,
        1,
        recipe + " is not YAML: document nesting depth (1001) exceeds the maximum allowed (1000)",
        "train %s",
        recipe);
  }

  private static JavaProcess lorikeet(String option, String... words)
      throws IOException, InterruptedException {
    List<String> command = JavaProcess.java(option, Lorikeet.class.getName());
    command.addAll(List.of(words));
    return JavaProcess.run(Path.of("").toAbsolutePath(), Map.of(), command);
  }

  private static String error(JavaProcess ended) {
    assertThat(ended.status()).as(ended.err()).isEqualTo(1);
    List<String> lines =
        ended.err().lines().filter(line -> !line.startsWith("settings: ")).toList();
    assertThat(lines).as(ended.err()).hasSize(1);
    return lines.get(0);
  }

  private Path model() {
    return Tiny.model("bert-classify-lora", folder);
  }
}
