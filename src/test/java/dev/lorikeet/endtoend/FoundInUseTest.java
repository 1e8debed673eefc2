package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Checkpoints and adapters as other tools' users have them. The right values were computed with
 * transformers 5.18, PEFT 0.21 and torch 2.13.
 */
class FoundInUseTest {
  private static final Path CASES = Path.of("resources/cases");

  /** Losses of 6 are compared at the digits that were recorded: half of the last one. */
  private static final double RECORDED = 5e-5;

  private static final String HEAD = "lm_head.weight";

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  static double loss(String typed, Object... arguments) {
    JsonNode answer =
        Cli.done("evaluate --json --task causal-lm --text text " + typed, arguments).json();
    return answer.path("eval_loss").asDouble();
  }

  @Test
  void metadataMayBeNull() {
    Path found = CASES.resolve("metadata-null");
    assertThat(loss("--model %s/model --data %s/d.jsonl", found, found))
        .isCloseTo(5.983128, within(5e-6)); // recorded to six digits, ten roundings of 6e-7
  }

  /** Values of PEFT 0.21, which are the same after its merge. */
  @ParameterizedTest
  @CsvSource({
    "ad_emb, 6.2905, false",
    "ad_both, 7.0698, false",
    "ad_head, 6.4104, false",
    "ad_emb_tying, 7.2330, true",
    "ad_trained, 4.9775, false" // by this project's train --modules-to-save embed_tokens
  })
  void modulesOfATiedBaseAreTrainedApartOrStayOne(String adapter, double loss, boolean tied)
      throws IOException {
    Path found = CASES.resolve("tied-embedding");
    Path merged = folder.resolve("merged");
    assertThat(loss("--model %1$s/base --adapter %1$s/%2$s --data %1$s/d.jsonl", found, adapter))
        .isCloseTo(loss, within(RECORDED));
    Cli.done("merge --model %1$s/base --adapter %1$s/%2$s --output %3$s", found, adapter, merged);
    assertThat(loss("--model %s --data %s/d.jsonl", merged, found))
        .isCloseTo(loss, within(RECORDED));
    JsonNode config = JSON.readTree(merged.resolve("config.json").toFile());
    assertThat(config.path("tie_word_embeddings")).isEqualTo(BooleanNode.valueOf(tied));
    assertThat(Safetensors.open(merged.resolve("model.safetensors")).names().contains(HEAD))
        .isEqualTo(!tied);
  }

  @Test
  void anAdapterOfAResizedBaseSaysHowManyRowsItHas() {
    Path found = CASES.resolve("tied-embedding");
    Refusal.of(
        folder,
        1,
        found
            + "/ad_resized_auto: tensor \"base_model.model.lm_head.weight\" has 404 rows, the base's"
            + " has 400: it was trained on a base that was resized to 404 tokens: resize this one"
            + " likewise (transformers: model.resize_token_embeddings(404)), and give that as the"
            + " model",
        "merge --model %1$s/base --adapter %1$s/ad_resized_auto --output %2$s/m",
        found,
        folder);
  }

  /** What config.json says is no more than a hint: the file has both tensors, or only one. */
  @ParameterizedTest
  @CsvSource({"llama_both_differ_tie_true, 6.3786", "llama_head_only, 6.2144"})
  void theFileTellsWhetherWeightsAreTied(String model, double loss) {
    Path found = CASES.resolve("tied-files");
    assertThat(loss("--model %1$s/%2$s --data %1$s/d.jsonl", found, model))
        .isCloseTo(loss, within(RECORDED));
  }

  @Test
  void theBiasInAMaskedLmsDecoderIsItsBias() {
    JsonNode answer =
        Cli.ofWords(
                "predict",
                "--json",
                "--task",
                "fill-mask",
                "--model",
                CASES.resolve("decoder-bias/bert").toString(),
                "the [MASK] sings")
            .json();
    assertThat(answer.path("score").asDouble()).isCloseTo(0.0528, within(RECORDED));
  }

  @Test
  void targetsAreExpressionsOfPythons() {
    Path found = CASES.resolve("python-regex");
    assertThat(loss("--model %1$s/base --adapter %1$s/adapter --data %1$s/d.jsonl", found))
        .isCloseTo(6.1698, within(RECORDED));
  }

  @ParameterizedTest
  @CsvSource({"target_modules", "rank_pattern"})
  void anEndlessExpressionIsGivenUp(String setting) {
    Path found = CASES.resolve("endless-regex");
    Refusal.of(
        folder,
        2,
        setting
            + " \"(([a-z_.0-9]+)+)+!\" takes too long to match"
            + " \"bert.encoder.layer.0.attention.self.query\": write it without repetitions inside"
            + " repetitions, such as (a+)+",
        "merge --any-base --model %s/model --adapter %s/adapter-%s --output %s/o",
        found,
        found,
        setting,
        folder);
  }

  @Test
  void aHeadForOtherLabelsIsNamedWithBothSizes() {
    Path found = CASES.resolve("head-size");
    Refusal.of(
        folder,
        1,
        found
            + "/model: tensor \"classifier.weight\" is [12, 32], config.json asks for [2, 32], for 2"
            + " labels: correct id2label there, or give the adapter that was trained for these"
            + " labels",
        "evaluate --model %s/model --data %s/d.jsonl --task sequence-classification",
        found,
        found);
  }

  @Test
  void trainedBiasesAreCountedOnce() throws IOException {
    Path model = CASES.resolve("head-size/model");
    Path data = folder.resolve("d.jsonl");
    Files.writeString(
        data,
        "{\"text\": \"the robin sings\", \"label\": \"a\"}\n{\"text\": \"a cat\", \"label\": \"b\"}\n");
    String method = "--method lora --rank 2 --target-modules query --bias all ";
    JsonNode trained =
        Cli.done(
                "train --json --task sequence-classification --model %s --data %s --text text"
                    + " --label label --epochs 1 --max-length 32 --output %s "
                    + method,
                model,
                data,
                folder.resolve("o"))
            .json();
    JsonNode plan =
        Cli.done("adapter plan --json --num-labels 2 --model %s " + method, model).json();
    assertThat(trained.path("total_parameters")).isEqualTo(plan.path("total_parameters"));
    assertThat(trained.path("trainable_parameters")).isEqualTo(plan.path("trainable_parameters"));
  }

  @ParameterizedTest
  @CsvSource({"2147483647", "4294967298"})
  void aModelOfTwoThousandMillionLayersIsNotPlanned(String layers) throws IOException {
    Path config = folder.resolve("config.json");
    ObjectNode json =
        (ObjectNode) JSON.readTree(CASES.resolve("head-size/model/config.json").toFile());
    JSON.writeValue(config.toFile(), json.put("num_hidden_layers", Long.parseLong(layers)));
    Refusal.of(
        folder,
        1,
        config + ": \"num_hidden_layers\" must be from 0 to 10000, not " + layers,
        "adapter plan --model %s --rank 8",
        config);
  }

  /** 17 KB that are 12,000 pixels high and wide: the row is bad before any of them is decoded. */
  @Test
  void aPictureOfTooManyPixelsIsABadRow() throws IOException {
    Path found = CASES.resolve("picture-bombs");
    Path data = found.resolve("d2.jsonl");
    String problem =
        data
            + ":2: "
            + found.resolve("bomb2.png")
            + " has too many pixels: it is 12,000 high and 12,000 wide, and at most 89,478,485 are"
            + " read, and 65,535 in a row or column: make it smaller";
    String train =
        "train --model %s/model --task image-classification --data %s --rank 2 --max-steps 2"
            + " --output %s";
    Refusal.of(
        folder,
        1,
        problem + "; mend the row, or have bad rows skipped",
        train,
        found,
        data,
        folder.resolve("refused"));
    Path output = folder.resolve("out");
    Cli skipped = Cli.done(train + " --on-bad-row skip", found, data, output);
    assertThat(skipped.err()).contains("skipped 1 malformed row").contains("  " + problem + "\n");
    assertThat(output.resolve("adapter_model.safetensors")).exists();
  }

  @ParameterizedTest
  @CsvSource({"cut.jar, zip END header not found", "empty.jar, zip file is empty"})
  void aDamagedJarIsRefusedInOneLine(String name, String reason) {
    Path jar = CASES.resolve("damaged-jar").resolve(name);
    Refusal.of(
        folder,
        1,
        jar + " is damaged: it is no whole zip (" + reason + "): copy or download it again",
        "import %s --output %s",
        jar,
        folder.resolve("out"));
  }

  @Test
  void theTokenizerOfAnOnnxFileMustBeThere() throws IOException {
    Path onnx = Files.writeString(folder.resolve("a.onnx"), "");
    Path tokenizer = folder.resolve("tokenizer.json");
    Refusal.of(
        folder,
        1,
        tokenizer + " does not exist: give a tokenizer.json",
        "import %s --tokenizer %s --output %s",
        onnx,
        tokenizer,
        folder.resolve("out"));
  }
}
