package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every task beside one label a text: each learns a few rows, scores, answers and exports. */
class TasksTest {
  @TempDir Path temporary;

  @Test
  void severalLabelsAText() throws IOException {
    Path data =
        rows(
            """
            {"text": "a robin builds its nest in an apple tree", "label": ["animal", "plant"]}
            {"text": "an oak sheds its leaves", "label": ["plant"]}
            {"text": "a fox barks at night", "label": ["animal"]}
            {"text": "the train leaves at noon", "label": []}
            {"text": "bees visit the clover", "label": ["plant", "animal"]}
            {"text": "the bank closes early", "label": []}
            """);
    String flags = "--problem-type multi_label_classification";
    List<JsonNode> answers = learnsScoresAndAnswers(data, flags, "", "eval_micro_f1");
    for (JsonNode answer : answers) {
      List<String> expected = new ArrayList<>();
      for (int label = 0; label < 2; label++) {
        if (answer.path("logits").path(label).asDouble() > 0) {
          expected.add(label == 0 ? "animal" : "plant");
        }
      }
      assertThat(answer.path("label")).extracting(JsonNode::asText).isEqualTo(expected);
      assertThat(answer.path("score"))
          .hasSameSizeAs(expected)
          .allSatisfy(score -> assertThat(score.asDouble()).isBetween(0.5, 1.0));
    }
    assertThat(answers).anySatisfy(answer -> assertThat(answer.path("label")).isNotEmpty());
    thresholdsChoose(data);
  }

  /** Of the adapter that was just trained. */
  private void thresholdsChoose(Path data) {
    Path adapter = temporary.resolve("adapter");
    for (JsonNode answer : predict(data, adapter, "--threshold 0 --top-k 1")) {
      assertThat(answer.path("label")).hasToString("[\"animal\",\"plant\"]");
      assertThat(answer.path("probabilities")).hasSize(1);
      double best = answer.path("probabilities").iterator().next().asDouble();
      assertThat(answer.path("score"))
          .allSatisfy(score -> assertThat(score.asDouble()).isLessThanOrEqualTo(best));
    }
    JsonNode report = evaluate(data, adapter, "");
    assertThat(report.path("classes").path("by_class").path("animal").path("support").asInt())
        .isEqualTo(3);
    assertThat(report.has("confusion_matrix")).isFalse();
    Cli wrong = Cli.run("predict --model %s --adapter %s --threshold 2 x", Embedded.MODEL, adapter);
    assertThat(wrong.status()).isEqualTo(2);
    assertThat(wrong.err())
        .isEqualToIgnoringNewLines("error: --threshold is 2.0: use a probability, 0 to 1");
  }

  @Test
  void numbers() throws IOException {
    Path data =
        rows(
            """
            {"text": "freezing", "label": -1.5}
            {"text": "cold", "label": -1}
            {"text": "mild", "label": 0}
            {"text": "warm", "label": 1}
            {"text": "boiling", "label": 1.5}
            """);
    String flags = "--problem-type regression";
    for (JsonNode answer : learnsScoresAndAnswers(data, flags, "", "eval_r2")) {
      double number = answer.path("logits").path(0).asDouble();
      assertThat(answer.path("logits")).hasSize(1);
      // The label is the float's shortest text.
      assertThat(Double.parseDouble(answer.path("label").asText())).isEqualTo(number, within(1e-6));
      assertThat(answer.path("score").asDouble()).isEqualTo(number, within(1e-6));
    }
  }

  @Test
  void labelsOfWords() throws IOException {
    Path data =
        rows(
            """
            {"words": ["Ada", "met", "Babbage", "in", "London"], "tags": ["P", "O", "P", "O", "L"]}
            {"words": ["Rain", "fell", "on", "Paris"], "tags": ["O", "O", "O", "L"]}
            {"words": ["Curie", "worked", "in", "Paris"], "tags": ["P", "O", "O", "L"]}
            """);
    List<JsonNode> answers =
        learnsScoresAndAnswers(
            data,
            "--task token-classification --text words --label tags",
            "--text words --label tags",
            "eval_accuracy");
    assertThat(answers).extracting(a -> a.path("label").size()).containsExactly(5, 4, 4);
    assertThat(answers).extracting(a -> a.path("score").size()).containsExactly(5, 4, 4);
    assertThat(answers.get(0).path("label"))
        .allSatisfy(tag -> assertThat(tag.asText()).isIn("P", "O", "L"));
  }

  @Test
  void pairsOfTexts() throws IOException {
    Path data =
        rows(
            """
            {"a": "a dog is an animal", "b": "a cat is an animal", "label": "same"}
            {"a": "a rose is a plant", "b": "an oak is a plant", "label": "same"}
            {"a": "a dog is an animal", "b": "a rose is a plant", "label": "other"}
            {"a": "an oak is a plant", "b": "a cat is an animal", "label": "other"}
            """);
    String columns = "--text a --text-pair b";
    List<JsonNode> answers = learnsScoresAndAnswers(data, columns, columns, "eval_accuracy");
    assertThat(answers)
        .allSatisfy(answer -> assertThat(answer.path("label").asText()).isIn("same", "other"));
    // The second text is read: the same first text gets other answers beside another second one.
    assertThat(answers.get(0).path("logits")).isNotEqualTo(answers.get(2).path("logits"));
  }

  @Test
  void hiddenWords() throws IOException {
    Path data =
        rows(
            """
            {"text": "the robin is a small bird"}
            {"text": "the heron is a large bird"}
            {"text": "the eagle is a large bird"}
            """);
    Path adapter = learns(data, "--task masked-lm --lr-group head=1e-3");
    JsonNode scores = evaluate(data, adapter, "");
    assertThat(scores.path("eval_perplexity").asDouble())
        // Of 30,522 words; e to the loss by definition, both printed in full.
        .isLessThan(30_522)
        .isEqualTo(Math.exp(scores.path("eval_loss").asDouble()), within(1e-6 * 30_522));

    Path masked = temporary.resolve("masked.jsonl");
    Files.writeString(
        masked,
        """
        {"text": "the wren is a small [MASK]"}
        {"text": "%s [MASK]"}
        """
            .formatted("the heron is large, ".repeat(5))
            .repeat(30));
    List<JsonNode> answers = predict(masked, adapter, "");
    // Their logits are too many to be kept together: sixty texts are answered in two parts.
    assertThat(answers).hasSize(60);
    for (int i = 0; i < 60; i++) {
      JsonNode twin = answers.get(i % 2);
      assertThat(answers.get(i).path("label")).isEqualTo(twin.path("label"));
      // The same text in parts of other sizes: float32 rounding.
      assertThat(answers.get(i).path("score").asDouble())
          .isEqualTo(twin.path("score").asDouble(), within(1e-4))
          .isBetween(1.0 / 30_522, 1.0);
      assertThat(answers.get(i).path("logits")).isEmpty();
    }
    exports(masked, adapter, "");

    Cli cli = Cli.run("predict --model %s --adapter %s --data %s", Embedded.MODEL, adapter, data);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .isEqualToNormalizingNewlines(
            "error: "
                + data
                + ":1: \"the robin is a small bird\" has no mask in its first 32 tokens: write"
                + " [MASK] where a word is to be found; mend the row, or have bad rows skipped\n");
  }

  private List<JsonNode> learnsScoresAndAnswers(
      Path data, String trainFlags, String columns, String metric) throws IOException {
    Path adapter = learns(data, trainFlags);
    assertThat(evaluate(data, adapter, columns).path(metric).asDouble())
        .as(metric)
        .isEqualTo(recorded(adapter).path(metric).asDouble(), within(1e-4))
        .isBetween(-10.0, 1.0);
    exports(data, adapter, columns);
    List<JsonNode> answers = predict(data, adapter, columns);
    assertThat(answers).hasSize(Files.readAllLines(data).size());
    return answers;
  }

  /** Trains on a few rows; their loss must fall to less than three quarters. */
  private Path learns(Path data, String flags) {
    Path adapter = temporary.resolve("adapter");
    JsonNode json =
        Cli.done(
                "train --model %s --data %s --eval-data %s %s --lr 5e-3 --epochs 8 --batch-size 8"
                    + " --max-length 32 --warmup-ratio 0 --output %s --json",
                Embedded.MODEL, data, data, flags, adapter)
            .json();
    double first = json.path("epochs").path(0).path("train_loss").asDouble();
    double last = json.path("epochs").path(7).path("train_loss").asDouble();
    assertThat(last).isLessThan(0.75 * first);
    return adapter;
  }

  private static JsonNode recorded(Path adapter) throws IOException {
    return Cli.parse(Files.readString(adapter.resolve("lorikeet.json"))).path("results");
  }

  private static JsonNode evaluate(Path data, Path adapter, String columns) {
    return Cli.done(
            "evaluate --model %s --adapter %s --data %s %s --json",
            Embedded.MODEL, adapter, data, columns)
        .json();
  }

  private static List<JsonNode> predict(Path data, Path adapter, String columns) {
    return Cli.done(
            "predict --model %s --adapter %s --data %s %s", Embedded.MODEL, adapter, data, columns)
        .jsonLines();
  }

  private void exports(Path data, Path adapter, String columns) {
    Path onnx = temporary.resolve("onnx");
    JsonNode json =
        Cli.done(
                "export --model %s --adapter %s --verify-data %s %s --output %s --json",
                Embedded.MODEL, adapter, data, columns, onnx)
            .json();
    assertThat(json.path("changed_labels").asInt(-1)).isZero();
    assertThat(onnx).isDirectoryContaining("glob:**/model.onnx");
  }

  private Path rows(String jsonLines) throws IOException {
    return Files.writeString(temporary.resolve("rows.jsonl"), jsonLines);
  }
}
