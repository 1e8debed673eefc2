package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
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

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  static double loss(String typed, Object... arguments) {
    JsonNode answer = Cli.done("evaluate --json --task causal-lm --text text " + typed, arguments).json();
    return answer.path("eval_loss").asDouble();
  }

  @Test
  void metadataMayBeNull() {
    Path found = CASES.resolve("metadata-null");
    assertThat(loss("--model %s/model --data %s/d.jsonl", found, found))
        .isCloseTo(5.983128, within(5e-6)); // recorded to six digits, ten roundings of 6e-7
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
}
