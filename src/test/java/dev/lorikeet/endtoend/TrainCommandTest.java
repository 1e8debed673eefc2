package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code lorikeet train} with an adapter, on real weights and real text. */
class TrainCommandTest {
  private static final String FEW =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --method lora --batch-size 8 --epochs 1 --max-length 32 --threads 2 --json ";

  @TempDir Path temporary;

  @Test
  void theLineThatUsersTypeLearnsSomething() {
    JsonNode json = Trained.RUN.json();
    // Eight topics: guessing scores 0.125 on 100 glosses, give or take 0.033.
    assertThat(json.path("eval_accuracy").asDouble()).isGreaterThan(0.25);
    assertThat(json.path("eval_loss").asDouble()).isLessThan(Math.log(8));
    assertThat(json.path("steps").asInt()).isEqualTo(5);
    assertThat(json.path("eval_examples").asInt()).isEqualTo(100);
    assertThat(json.path("padding_ratio").asDouble()).isBetween(0.0, 0.5);
    assertThat(json.path("tokens").asInt() / json.path("train_seconds").asDouble())
        .isEqualTo(json.path("tokens_per_second").asDouble(), within(1e-6));
    // An embedding of 30522 × 384 in float32 alone takes 44 MiB.
    assertThat(json.path("peak_rss_mib").asInt()).isGreaterThan(44);
  }

  @Test
  void itsJsonHasTheKeysThatScriptsDependOn() {
    assertThat(Trained.RUN.out().lines()).hasSize(1);
    assertThat(keys(Trained.RUN.json()))
        .contains(
            "train_seconds",
            "steps",
            "tokens",
            "tokens_per_second",
            "padding_ratio",
            "eval_accuracy",
            "eval_loss",
            "peak_rss_mib",
            "trainable_parameters",
            "total_parameters");
  }

  @Test
  void parametersAreCountedAsTheFormulaSays() {
    int width = 384;
    int projections = 4 * 8 * (width + width) + 2 * 8 * (width + 4 * width);
    int pooler = width * width + width;
    int classifier = 8 * width + 8;
    int trainable = 6 * projections + pooler + classifier;
    assertThat(Trained.RUN.json().path("trainable_parameters").asInt()).isEqualTo(trainable);
    // MiniLM's 22,565,376 and, as PEFT counts, the new head twice: frozen and trained.
    assertThat(Trained.RUN.json().path("total_parameters").asInt())
        .isEqualTo(22_565_376 + pooler + classifier + trainable);
  }

  @Test
  void adapterFolderIsCompleteOnItsOwn() throws IOException {
    assertThat(files(Trained.ADAPTER))
        .containsExactly(
            "adapter_config.json",
            "adapter_model.safetensors",
            "lorikeet.json",
            "metrics.jsonl",
            "metrics.svg",
            "tokenizer.json",
            "tokenizer_config.json");
    JsonNode config = read(Trained.ADAPTER.resolve("adapter_config.json"));
    assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
    assertThat(config.path("task_type").asText()).isEqualTo("SEQ_CLS");
    assertThat(config.path("r").asInt()).isEqualTo(8);
    assertThat(config.path("lora_alpha").asDouble()).isEqualTo(16);
    assertThat(config.path("lora_dropout").asDouble()).isEqualTo(0.05);
    assertThat(config.path("base_model_name_or_path").asText())
        .isEqualTo(Embedded.MODEL.toString());
    assertThat(config.path("modules_to_save"))
        .extracting(JsonNode::asText)
        .containsExactlyInAnyOrder("bert.pooler", "classifier");
    assertThat(Safetensors.open(Trained.ADAPTER.resolve("adapter_model.safetensors")).names())
        .hasSize(2 * 36 + 4)
        .contains("base_model.model.classifier.weight");
  }

  @Test
  void runIsRecordedWithSettingsHashesVersionsAndMetrics() {
    JsonNode record = read(Trained.ADAPTER.resolve("lorikeet.json"));
    assertThat(record.path("settings").path("adapter").path("r").asInt()).isEqualTo(8);
    JsonNode groups = record.path("settings").path("training").path("groups");
    assertThat(groups.path("lora_B").path("lr").asDouble()).isEqualTo(4e-3);
    assertThat(groups.path("head").path("lr").asDouble()).isEqualTo(2e-3);
    assertThat(record.path("data").path("train").path("sha256").asText())
        .isEqualTo(FileHash.sha256(Embedded.TRAIN));
    assertThat(record.path("base").path("sha256").asText())
        .isEqualTo(Checkpoint.open(Embedded.MODEL).sha256());
    assertThat(keys(record.path("versions"))).containsExactly("java", "libtorch", "lorikeet");
    assertThat(record.path("cpu").path("capability").asText()).isEqualTo(Torch.cpuCapability());
    assertThat(record.path("cpu").path("threads").asInt()).isEqualTo(Torch.threads());
    assertThat(record.path("results")).isEqualTo(Trained.RUN.json());
    assertThat(record.path("labels")).hasSize(8);
  }

  @Test
  void progressGoesToStandardError() {
    assertThat(Trained.RUN.err())
        .contains(
            "settings: lora of rank 8 on "
                + Embedded.MODEL
                + ", sequence-classification, lr 0.001, 1 epoch of batches of 32, texts of at most 64"
                + " tokens, float32 on cpu with 2 threads, seed 1\n")
        .contains("lora: group lora_B: 165,888 parameters in 36 tensors, lr 0.004")
        .contains("lora: group head: 150,528 parameters in 2 tensors, lr 0.002")
        .contains("tokens/s")
        .contains("left")
        .contains("lora: epoch 1  loss ");
  }

  @Test
  void numbersOfTheRunAreBesideTheAdapter() throws IOException {
    List<JsonNode> lines =
        Files.readAllLines(Trained.ADAPTER.resolve("metrics.jsonl")).stream()
            .map(Cli::parse)
            .toList();
    assertThat(lines).extracting(line -> line.path("step").asInt()).containsExactly(5, 5);
    assertThat(keys(lines.get(0)))
        .contains("loss", "grad_norm", "learning_rate/lora_B", "learning_rate/head");
    assertThat(lines.get(0).path("loss"))
        .as("one report of the whole epoch")
        .isEqualTo(Trained.RUN.json().path("epochs").path(0).path("train_loss"));
    assertThat(lines.get(1).path("eval_accuracy"))
        .isEqualTo(Trained.RUN.json().path("eval_accuracy"));
    assertThat(Files.readString(Trained.ADAPTER.resolve("metrics.svg")))
        .startsWith("<svg")
        .contains(">accuracy<", ">lora_B<");
  }

  @Test
  void withoutJsonResultsAreATable() {
    Cli cli = Cli.done(FEW.replace("--json", "") + "--output %s", temporary.resolve("a"));
    assertThat(cli.out())
        .contains("trainable parameters")
        .contains("482,696")
        .endsWith("written to " + temporary.resolve("a") + System.lineSeparator());
  }

  @Test
  void sameSeedGivesTheSameBytes() throws IOException {
    byte[] first = weights(FEW + "--seed 7 --dropout 0.1 --output %s", "first");
    byte[] second = weights(FEW + "--seed 7 --dropout 0.1 --output %s", "second");
    byte[] other = weights(FEW + "--seed 8 --dropout 0.1 --output %s", "other");
    assertThat(first).isEqualTo(second).isNotEqualTo(other);
  }

  private byte[] weights(String line, String name) throws IOException {
    Cli.done(line, temporary.resolve(name));
    return Files.readAllBytes(temporary.resolve(name).resolve("adapter_model.safetensors"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          query,value                                     ; 12
          .*\\.layer\\.[05]\\.attention\\..*\\.(query|key) ; 4
          attention.output.dense                          ; 6
          """)
  void targetsAreNamesOrAnExpression(String targets, int pairs) throws IOException {
    Path output = temporary.resolve("targets");
    Cli.done(FEW + "--target-modules %s --output %s", targets, output);
    long found =
        Safetensors.open(output.resolve("adapter_model.safetensors")).names().stream()
            .filter(name -> name.endsWith("lora_A.weight"))
            .count();
    assertThat(found).isEqualTo(pairs);
    String saved = read(output.resolve("adapter_config.json")).path("target_modules").toString();
    assertThat(saved).contains(targets.replace(",", "\",\"").replace("\\", "\\\\"));
  }

  @ParameterizedTest
  @CsvSource({"bfloat16", "auto"})
  void otherPrecisionsTrainToo(String precision) {
    Path output = temporary.resolve(precision);
    JsonNode json = Cli.done(FEW + "--precision %s --output %s", precision, output).json();
    assertThat(json.path("steps").asInt()).isEqualTo(3);
    assertThat(json.path("epochs").path(0).path("train_loss").asDouble())
        // Three steps from a new head: about ln 8 = 2.08 in any precision.
        .isBetween(1.8, 2.4);
  }

  private static Set<String> keys(JsonNode json) {
    Set<String> keys = new TreeSet<>();
    json.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  private static JsonNode read(Path file) {
    try {
      return Cli.parse(Files.readString(file));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
