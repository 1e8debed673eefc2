package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet predict} and {@code evaluate} with the adapter of {@link Trained}. */
class PredictCommandTest {
  private static final List<String> TOPICS =
      List.of(
          "animal", "artifact", "communication", "food", "location", "person", "plant", "state");

  @TempDir Path temporary;

  @Test
  void everyTextGetsALabelItsScoreAndItsLogits() throws IOException {
    Path output = temporary.resolve("deep/predictions.jsonl");
    Cli cli = predict(Embedded.EVAL, "--output " + output + " --json");
    assertThat(cli.json().path("predictions").asInt()).isEqualTo(100);
    List<String> lines = Files.readAllLines(output);
    assertThat(lines).hasSize(100);
    for (String line : lines) {
      JsonNode answer = Cli.parse(line);
      double[] logits = logits(answer);
      int id = TOPICS.indexOf(answer.path("label").asText());
      double sum = 0;
      for (double logit : logits) {
        assertThat(logit).isLessThanOrEqualTo(logits[id]);
        sum += Math.exp(logit - logits[id]);
      }
      assertThat(logits).hasSize(8);
      // A float32 logit of about 1 is written with seven or eight digits.
      assertThat(answer.path("score").asDouble()).isEqualTo(1 / sum, within(1e-6));
    }
  }

  @Test
  void withoutOutputAnswersGoToStandardOutput() {
    Cli cli = predict(Embedded.FEW, "");
    assertThat(cli.jsonLines())
        .hasSize(24)
        .allSatisfy(answer -> assertThat(TOPICS).contains(answer.path("label").asText()));
    assertThat(cli.err()).isEmpty();
  }

  @Test
  void answersComeInTheOrderOfTheTexts() throws IOException {
    List<String> reversed = new ArrayList<>(Files.readAllLines(Embedded.EVAL));
    Collections.reverse(reversed);
    Path file = Files.write(temporary.resolve("reversed.jsonl"), reversed);
    List<JsonNode> forwards = predict(Embedded.EVAL, "").jsonLines();
    List<JsonNode> backwards = new ArrayList<>(predict(file, "").jsonLines());
    Collections.reverse(backwards);
    for (int i = 0; i < forwards.size(); i++) {
      // In other company a text is padded differently: float32 rounding, some 1e-6 here.
      assertThat(logits(backwards.get(i))).containsExactly(logits(forwards.get(i)), within(1e-4));
    }
  }

  @Test
  void labelsNeedNotBeThere() throws IOException {
    Path file = Files.writeString(temporary.resolve("x.jsonl"), "{\"gloss\": \"a red bird\"}\n");
    assertThat(predict(file, "--text gloss").jsonLines()).hasSize(1);
  }

  @Test
  void evaluationScoresWhatTrainingScored() {
    JsonNode scores = Cli.done("evaluate %s --data %s --json", Trained.FLAGS, Embedded.EVAL).json();
    JsonNode trained = Trained.RUN.json();
    for (String key : List.of("eval_accuracy", "eval_macro_f1", "eval_micro_f1", "eval_examples")) {
      assertThat(scores.path(key)).as(key).isEqualTo(trained.path(key));
    }
    // The same batches of 32, the same kernels: nothing but the order of threads could differ.
    assertThat(scores.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-6));
  }

  @Test
  void accuracyIsTheShareOfRightAnswers() throws IOException {
    List<String> rows = Files.readAllLines(Embedded.EVAL);
    List<JsonNode> answers = predict(Embedded.EVAL, "").jsonLines();
    int right = 0;
    for (int i = 0; i < rows.size(); i++) {
      right += Cli.parse(rows.get(i)).path("label").equals(answers.get(i).path("label")) ? 1 : 0;
    }
    assertThat(Trained.RUN.json().path("eval_accuracy").asDouble()).isEqualTo(right / 100.0);
  }

  @Test
  void probabilitiesAreNamedByTheirLabels() {
    for (JsonNode answer : predict(Embedded.FEW, "").jsonLines()) {
      JsonNode all = answer.path("probabilities");
      assertThat(all.properties()).extracting(Map.Entry::getKey).hasSameElementsAs(TOPICS);
      assertThat(all.path(answer.path("label").asText())).isEqualTo(answer.path("score"));
      double sum = 0;
      for (JsonNode probability : all) {
        sum += probability.asDouble();
      }
      // Eight doubles.
      assertThat(sum).isEqualTo(1, within(1e-12));
    }
    for (JsonNode answer : predict(Embedded.FEW, "--top-k 3").jsonLines()) {
      assertThat(answer.path("probabilities")).hasSize(3);
      assertThat(answer.path("probabilities").fieldNames().next())
          .isEqualTo(answer.path("label").asText());
    }
    assertThat(Cli.done("predict %s --top-k 2 bird", Trained.FLAGS).out().lines()).hasSize(3);
  }

  /** Answers and labels of the same rows, counted here. */
  @Test
  void theReportCountsWhatPredictAnswers() {
    JsonNode report = Cli.done("evaluate %s --data %s --json", Trained.FLAGS, Embedded.EVAL).json();
    List<JsonNode> answers = predict(Embedded.EVAL, "--keep label").jsonLines();
    JsonNode confusion = report.path("confusion_matrix");
    for (int row = 0; row < confusion.path("labels").size(); row++) {
      for (int column = 0; column < confusion.path("labels").size(); column++) {
        JsonNode label = confusion.path("labels").path(row);
        JsonNode answered = confusion.path("labels").path(column);
        long count =
            answers.stream()
                .filter(answer -> answer.path("input").path("label").equals(label))
                .filter(answer -> answer.path("label").equals(answered))
                .count();
        assertThat(confusion.path("counts").path(row).path(column).asLong()).isEqualTo(count);
      }
    }
    assertThat(report.path("classes").path("micro_avg").path("f1"))
        .isEqualTo(report.path("eval_accuracy"));
    assertThat(report.path("classes").path("macro_avg").path("f1").asDouble())
        .isEqualTo(report.path("eval_macro_f1").asDouble(), within(1e-12));
    double confidence = 0;
    double accuracy = 0;
    for (JsonNode bin : report.path("calibration").path("filled")) {
      confidence += bin.path("count").asLong() * bin.path("confidence").asDouble();
      accuracy += bin.path("count").asLong() * bin.path("accuracy").asDouble();
    }
    double sum = answers.stream().mapToDouble(answer -> answer.path("score").asDouble()).sum();
    // A hundred float32 probabilities of passes in other company.
    assertThat(confidence).isEqualTo(sum, within(1e-3));
    assertThat(accuracy / 100).isEqualTo(report.path("eval_accuracy").asDouble(), within(1e-12));
  }

  @Test
  void typedPairsAreAnsweredAsThoseOfAFile() throws IOException {
    Path file =
        Files.writeString(
            temporary.resolve("pairs.jsonl"), "{\"text\": \"a bird\", \"b\": \"an oak\"}\n");
    JsonNode ofFile = predict(file, "--text-pair b").json();
    List<String> words = new ArrayList<>(List.of(Cli.words("predict --json " + Trained.FLAGS)));
    words.addAll(List.of("--pair", "a bird", "an oak", "--pair", "an oak", "a bird"));
    List<JsonNode> typed = Cli.ofWords(words.toArray(new String[0])).jsonLines();
    assertThat(typed).hasSize(2);
    // Side by side with the other pair, which is as long: float32 rounding at most.
    assertThat(logits(typed.get(0))).containsExactly(logits(ofFile), within(1e-4));
    assertThat(typed.get(1).path("logits")).isNotEqualTo(typed.get(0).path("logits"));
  }

  @Test
  void scoresForPeopleAreALineEach() {
    Cli cli = Cli.done("evaluate %s --data %s", Trained.FLAGS, Embedded.FEW);
    assertThat(cli.out().lines())
        .anyMatch(line -> line.matches(" +precision +recall +f1 +support"))
        .anyMatch(line -> line.matches("animal( +[01]\\.\\d{4}){3} +\\d+"))
        .anyMatch(line -> line.matches("weighted avg( +[01]\\.\\d{4}){3} +24"))
        .anyMatch(line -> line.matches("expected calibration error 0\\.\\d{4} \\(15 bins\\)"))
        .anyMatch(line -> line.matches("eval_accuracy 0\\.\\d+"))
        .anyMatch(line -> line.matches("eval_loss \\d\\.\\d+"));
  }

  private static Cli predict(Path data, String flags) {
    return Cli.done("predict %s --data %s %s", Trained.FLAGS, data, flags);
  }

  private static double[] logits(JsonNode answer) {
    double[] logits = new double[answer.path("logits").size()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = answer.path("logits").path(i).asDouble();
    }
    return logits;
  }
}
