package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.export.OnnxModel;
import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.TextTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of the adapter of {@link Trained}: merged, as ONNX, as a plain PEFT folder. */
class MergeAndExportTest {
  @TempDir static Path shared;

  private static Path merged;

  @TempDir Path temporary;

  @BeforeAll
  static void merge() {
    merged = shared.resolve("merged");
    Cli cli = Cli.done("merge %s --output %s --json", Trained.FLAGS, merged);
    assertThat(cli.json().path("output").asText()).isEqualTo(merged.toString());
  }

  @Test
  void mergedFolderAloneScoresAsTheAdapterDoes() throws IOException {
    assertThat(names(merged))
        .containsExactly(
            "config.json",
            "lorikeet.json",
            "merge_receipt.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json");
    JsonNode alone = Cli.done("evaluate --model %s --data %s --json", merged, Embedded.EVAL).json();
    JsonNode adapted =
        Cli.done("evaluate %s --data %s --json", Trained.FLAGS, Embedded.EVAL).json();
    assertThat(alone.path("eval_accuracy")).isEqualTo(adapted.path("eval_accuracy"));
    // A mean over 100 texts of float32 logits that merging rounds once: measured 1e-8.
    assertThat(alone.path("eval_loss").asDouble())
        .isEqualTo(adapted.path("eval_loss").asDouble(), within(1e-6));
  }

  @Test
  void aReceiptSaysWhatTheMergeDid() throws IOException {
    JsonNode receipt = Cli.parse(Files.readString(merged.resolve("merge_receipt.json")));
    assertThat(receipt.path("method").asText()).isEqualTo("LORA");
    assertThat(receipt.path("adapter_sha256").asText())
        .isEqualTo(FileHash.sha256(Trained.ADAPTER.resolve("adapter_model.safetensors")));
    // 6 layers of 6 linear layers; weight and bias of pooler and head, which are trained whole.
    assertThat(receipt.path("changes")).hasSize(40);
    for (JsonNode change : receipt.path("changes")) {
      assertThat(change.path("update_norm").asDouble()).as(change.toString()).isPositive();
      assertThat(change.path("dtype").asText()).isEqualTo("float32");
      assertThat(change.path("rounding_max").asDouble(1)).isZero();
      boolean fromZero = change.path("tensor").asText().endsWith(".bias");
      assertThat(change.path("update_relative").isNull()).isEqualTo(fromZero);
    }
  }

  @Test
  void mergedConfigNamesClassAndLabels() throws IOException {
    JsonNode config = Cli.parse(Files.readString(merged.resolve("config.json")));
    assertThat(config.path("architectures").path(0).asText())
        .isEqualTo("BertForSequenceClassification");
    assertThat(config.path("id2label").path("7").asText()).isEqualTo("state");
    assertThat(config.path("label2id").path("state").asInt()).isEqualTo(7);
  }

  @Test
  void exportIsVerifiedAndAnswersAsTheModelDoes() throws IOException {
    Path onnx = temporary.resolve("onnx");
    JsonNode json =
        Cli.done(
                "export %s --output %s --verify-data %s --json", Trained.FLAGS, onnx, Embedded.EVAL)
            .json();
    assertThat(json.path("verified_rows").asInt()).isEqualTo(100);
    assertThat(json.path("changed_labels").asInt(-1)).isZero();
    // The gate's tolerance; measured 1e-6.
    assertThat(json.path("largest_logit_difference").asDouble(1)).isLessThan(1e-4);
    assertThat(names(onnx)).contains("model.onnx", "config.json", "tokenizer.json");

    List<String> rows = Files.readAllLines(Embedded.FEW);
    List<JsonNode> answers =
        Cli.done("predict %s --data %s", Trained.FLAGS, Embedded.FEW).jsonLines();
    try (OnnxModel model = OnnxModel.open(onnx.resolve("model.onnx"), 2);
        TextTokenizer tokenizer = TextTokenizer.open(onnx)) {
      for (int i = 0; i < rows.size(); i++) {
        String text = Cli.parse(rows.get(i)).path("text").asText();
        Encoding encoding = tokenizer.encode(text, null, 64);
        float[] logits = answer(model, encoding);
        for (int label = 0; label < logits.length; label++) {
          assertThat((double) logits[label])
              .isEqualTo(answers.get(i).path("logits").path(label).asDouble(), within(1e-4));
        }
      }
    }
  }

  private static float[] answer(OnnxModel model, Encoding encoding) {
    long[] ids = Arrays.stream(encoding.ids()).asLongStream().toArray();
    long[] ones = new long[ids.length];
    Arrays.fill(ones, 1);
    return model.logits(ids, ones, new long[ids.length], 1, ids.length).values();
  }

  @Test
  void exportWithoutDataSaysThatItIsNotChecked() {
    Path onnx = temporary.resolve("unchecked");
    Cli cli = Cli.done("export --model %s --output %s", merged, onnx);
    assertThat(cli.out())
        .isEqualToNormalizingNewlines(
            "not checked: give --verify-data to have it checked\nONNX model written to "
                + onnx
                + "\n");
  }

  @Test
  void exportThatDisagreesIsNotWritten() {
    Path onnx = temporary.resolve("refused");
    Cli cli =
        Cli.run(
            "export %s --output %s --verify-data %s --tolerance 1e-12",
            Trained.FLAGS, onnx, Embedded.FEW);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .startsWith("error: the exported model disagrees with the trained one: largest logit")
        .contains("(tolerance 1.0E-12)")
        .contains("0 labels changed in 24 rows");
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void adapterCanBeInspectedWithoutItsBase() {
    JsonNode json = Cli.done("adapter inspect %s --json", Trained.ADAPTER).json();
    assertThat(json.path("peft_type").asText()).isEqualTo("LORA");
    assertThat(json.path("r").asInt()).isEqualTo(8);
    assertThat(json.path("parameters").asInt()).isEqualTo(482_696);
    assertThat(json.path("bytes").asInt()).isEqualTo(4 * 482_696);
    assertThat(json.path("tensors")).hasSize(76);
    for (JsonNode tensor : json.path("tensors")) {
      assertThat(tensor.path("norm").asDouble()).as(tensor.toString()).isPositive();
    }
    assertThat(Cli.done("adapter inspect %s", Trained.ADAPTER).out().lines())
        .anyMatch(line -> line.matches("lora_alpha +16"))
        .anyMatch(line -> line.matches("parameters +482,696 \\(1,930,784 bytes\\)"))
        .anyMatch(
            line ->
                line.matches(
                    " +base_model.model.classifier.weight +\\[8, 384] +norm \\d+\\.\\d{4}"));
  }

  @Test
  void adapterBecomesAPlainPeftFolder() throws IOException {
    Path peft = temporary.resolve("peft");
    Cli.done("adapter export --adapter %s --to peft --output %s", Trained.ADAPTER, peft);
    assertThat(names(peft)).containsExactly("adapter_config.json", "adapter_model.safetensors");
    for (String name : names(peft)) {
      assertThat(peft.resolve(name)).hasSameBinaryContentAs(Trained.ADAPTER.resolve(name));
    }
    List<JsonNode> answers =
        Cli.done(
                "predict --model %s --adapter %s --max-length 64 --data %s",
                Embedded.MODEL, peft, Embedded.FEW)
            .jsonLines();
    List<JsonNode> own = Cli.done("predict %s --data %s", Trained.FLAGS, Embedded.FEW).jsonLines();
    for (int i = 0; i < own.size(); i++) {
      assertThat(answers.get(i).path("logits")).isEqualTo(own.get(i).path("logits"));
      assertThat(answers.get(i).path("label").asText()).as("no names in PEFT").startsWith("LABEL_");
    }
  }

  /** At three times the rank, and with the head and the labels of the one that has them. */
  @Test
  void adapterCombinedWithItselfAnswersAsItDoes() throws IOException {
    Path output = temporary.resolve("combined");
    Cli.done(
        "adapter combine --adapter %1$s --weight 0.75 --adapter %1$s --weight 0.5 --adapter %1$s"
            + " --weight -0.25 --combination-type cat --output %2$s",
        Trained.ADAPTER, output);
    assertThat(names(output))
        .containsExactly("adapter_config.json", "adapter_model.safetensors", "lorikeet.json");
    List<JsonNode> own = Cli.done("predict %s --data %s", Trained.FLAGS, Embedded.FEW).jsonLines();
    List<JsonNode> answers =
        Cli.done("predict --model %s --adapter %s --data %s", Embedded.MODEL, output, Embedded.FEW)
            .jsonLines();
    for (int i = 0; i < own.size(); i++) {
      assertThat(answers.get(i).path("label")).isEqualTo(own.get(i).path("label"));
      for (int label = 0; label < own.get(i).path("logits").size(); label++) {
        // Logits of a few units in float32, through six layers added up in another order.
        assertThat(answers.get(i).path("logits").path(label).asDouble())
            .isEqualTo(own.get(i).path("logits").path(label).asDouble(), within(1e-4));
      }
    }
  }

  @Test
  void adapterFindsItsBaseAndBecomesTheMergedFolder() {
    Path output = temporary.resolve("merged");
    Cli.done("adapter export --adapter %s --to merged --output %s", Trained.ADAPTER, output);
    assertThat(output.resolve("model.safetensors"))
        .hasSameBinaryContentAs(merged.resolve("model.safetensors"));
  }

  @Test
  void adapterBecomesOnnxOnTheBaseThatIsNamed() throws IOException {
    Path output = temporary.resolve("onnx");
    JsonNode json =
        Cli.done(
                "adapter export --adapter %s --to onnx --model %s --verify-data %s --output %s"
                    + " --json",
                Trained.ADAPTER, Embedded.MODEL, Embedded.FEW, output)
            .json();
    assertThat(json.path("verified_rows").asInt()).isEqualTo(24);
    assertThat(names(output)).contains("model.onnx", "config.json", "tokenizer.json");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
