package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.models.FileHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a folder holds is lost only to those who say so. */
class OverwriteTest {
  private static final String OTHERWISE =
      ": choose another output, or give --overwrite to replace it";
  private static final String FAST = " --epochs 1 --batch-size 8 --max-length 16";

  @TempDir static Path shared;
  private static Path base;
  private static Path texts;
  private static Path trained;

  @TempDir Path temporary;
  private Path model;
  private Path adapter;

  @BeforeAll
  static void trainOnce() {
    base = Tiny.model("bert-classify-lora", shared);
    texts = Tiny.texts(shared);
    trained = shared.resolve("adapter");
    Cli.done("train --model %s --data %s --output %s" + FAST, base, texts, trained);
  }

  @BeforeEach
  void copy() throws IOException {
    model = copy(base, temporary.resolve("model"));
    adapter = copy(trained, temporary.resolve("adapter"));
  }

  private static Path copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
    return to;
  }

  private String command(String name) {
    String adapted = " --model " + base + " --adapter " + trained;
    String data = " --model " + base + " --data " + texts + FAST;
    return switch (name) {
      case "train" -> "train" + data;
      case "compare" -> "compare" + data;
      case "merge" -> "merge" + adapted;
      case "export" -> "export" + adapted;
      case "import" -> "import minilm";
      case "init" -> "init --config " + base.resolve("config.json");
      case "adapter combine" ->
          "adapter combine --combination-type linear --weight 1 --adapter " + trained;
      case "adapter convert" -> "adapter convert --to mlx --model " + base + " " + trained;
      default -> "adapter export --to peft --adapter " + trained;
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train",
        "compare",
        "export",
        "adapter combine",
        "adapter convert",
        "adapter export"
      })
  void aBaseModelIsNotReplacedByAnythingElse(String command) {
    refused(command, model, "holds a model, and an .* is to be written there");
  }

  @ParameterizedTest
  @ValueSource(strings = {"merge", "import", "init"})
  void aBaseModelIsNotReplacedByAnother(String command) {
    refused(
        command, model, "holds a model that was not trained here \\(it has no lorikeet.json\\)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"merge", "export", "import", "init"})
  void anAdapterIsNotReplacedByAModel(String command) {
    refused(command, adapter, "holds an adapter, and an? .*model is to be written there");
  }

  private void refused(String command, Path output, String reason) {
    List<String> before = hashes(output);
    Cli cli = Cli.run("%s --output %s", command(command), output);
    assertThat(Refusal.errors(cli)).matches("error: " + output + " " + reason + OTHERWISE);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(hashes(output)).isEqualTo(before);
  }

  @Test
  void theModelThatIsTrainedStaysAndWithOverwriteMakesWay() throws IOException {
    Path tuned = temporary.resolve("tuned");
    String train = "train --method full --data %s --model %s --output %s" + FAST;
    Cli.done(train, texts, model, tuned);
    refusal(tuned, "is what is read" + OTHERWISE, train, texts, tuned, tuned);
    String before = FileHash.sha256(tuned.resolve("model.safetensors"));
    Cli.done(train + " --overwrite", texts, tuned, tuned);
    assertThat(FileHash.sha256(tuned.resolve("model.safetensors"))).isNotEqualTo(before);
    Cli.done("evaluate --model %s --data %s", tuned, texts);
    assertThat(names(tuned)).noneMatch(name -> name.startsWith(".lorikeet"));
  }

  @Test
  void anAdapterNeverTakesItsBasesPlace() {
    refusal(
        model,
        "is the base, without which its adapter is nothing: choose another output",
        "train --model %s --data %s --output %s --overwrite" + FAST,
        model,
        texts,
        model);
  }

  @Test
  void overwritingLeavesNothingOfTheOldKind() throws IOException {
    Files.writeString(adapter.resolve("notes.txt"), "mine");
    Cli.done("%s --output %s --overwrite", command("export"), adapter);
    assertThat(names(adapter))
        .contains("model.onnx", "config.json", "notes.txt")
        .doesNotContain("adapter_config.json", "adapter_model.safetensors");
    Cli.done("%s --output %s --overwrite", command("merge"), adapter);
    assertThat(names(adapter))
        .contains("model.safetensors", "config.json", "merge_receipt.json", "notes.txt")
        .doesNotContain("model.onnx");
    Cli.done("%s --output %s --overwrite", command("train"), adapter);
    assertThat(names(adapter))
        .contains("adapter_model.safetensors", "notes.txt")
        .doesNotContain("model.safetensors", "config.json", "merge_receipt.json");
  }

  @Test
  void anOlderResultOfTheSameKindMakesWay() throws IOException {
    Files.writeString(adapter.resolve("vocab.txt"), "of an older tokenizer");
    Cli.done("%s --output %s", command("train"), adapter);
    assertThat(names(adapter)).doesNotContain("vocab.txt");
  }

  @Test
  void aMergeIntoItsBaseIsRefused() throws IOException {
    Files.copy(trained.resolve("lorikeet.json"), model.resolve("lorikeet.json"));
    refusal(
        model,
        "is what is read" + OTHERWISE,
        "merge --model %s --adapter %s --output %s",
        model,
        trained,
        model);
  }

  @Test
  void predictionsReplaceNoFile() throws IOException {
    Path rows = Files.copy(texts, temporary.resolve("rows.jsonl"));
    String predict = "predict --model %s --adapter %s --data %s --output %s";
    refusal(rows, "exists" + OTHERWISE, predict, base, trained, texts, rows);
    assertThat(rows).hasSameTextualContentAs(texts);
    Cli.done(predict + " --overwrite", base, trained, texts, rows);
    assertThat(Files.readString(rows)).contains("\"score\"");
  }

  @Test
  void aUsersDataIsNotReplacedByTheEmbedded() throws IOException {
    Path data = Files.createDirectory(temporary.resolve("data"));
    Files.writeString(data.resolve("train.jsonl"), "mine");
    String wordnet = "import wordnet --train-per-topic 1 --output %s";
    refusal(data, "has a file train.jsonl" + OTHERWISE, wordnet, data);
    Cli.done(wordnet + " --overwrite", data);
    Cli.done(wordnet, data);
  }

  @Test
  void aSweepReplacesNothingElse() throws IOException {
    Path recipe =
        Files.writeString(
            temporary.resolve("one.yaml"),
            "model: %s\noutput: %s\ndata: {train: %s, max_length: 16}\ntraining: {epochs: 1}\n"
                .formatted(base, model, texts));
    refusal(
        model,
        "holds a model, and an adapter is to be written there" + OTHERWISE,
        "sweep %s",
        recipe);
  }

  private static void refusal(Path place, String reason, String typed, Object... arguments) {
    Cli cli = Cli.run(typed, arguments);
    assertThat(cli.err().lines().reduce((first, last) -> last).orElse(""))
        .isEqualTo("error: " + place + " " + reason);
    assertThat(cli.status()).isEqualTo(1);
  }

  private static List<String> hashes(Path folder) {
    return files(folder).stream().map(file -> file + " " + FileHash.sha256(file)).toList();
  }

  private static List<String> names(Path folder) {
    return files(folder).stream().map(file -> file.getFileName().toString()).toList();
  }

  private static List<Path> files(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
