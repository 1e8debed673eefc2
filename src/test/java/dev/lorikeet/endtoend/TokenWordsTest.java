package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Words that have no token, or that are cut off, keep their places among those of their text. The
 * labels and probabilities are those of transformers 5.18 on the same folder.
 */
class TokenWordsTest {
  private static final Path CASE = Path.of("resources/cases/token-words").toAbsolutePath();
  private static final String FLAGS =
      "--task token-classification --model " + CASE.resolve("base") + " ";

  @TempDir private Path temporary;

  private static JsonNode predict(String flags) {
    return Cli.done("predict %s %s", FLAGS, flags).json();
  }

  private static Cli typed(String text, String... flags) {
    List<String> words = new ArrayList<>(List.of(Cli.words("predict " + FLAGS)));
    words.addAll(List.of(flags));
    words.add(text);
    return Cli.ofWords(words.toArray(new String[0]));
  }

  private static void assertWord(
      JsonNode word, int index, String text, int start, String label, double score) {
    assertThat(word.path("index").asInt()).isEqualTo(index);
    assertThat(word.path("word").asText()).isEqualTo(text);
    assertThat(word.path("start").asInt()).isEqualTo(start);
    assertThat(word.path("end").asInt()).isEqualTo(start + text.codePointCount(0, text.length()));
    assertThat(word.path("label").asText()).isEqualTo(label);
    // Recorded with six decimals; float32 sums of 32 terms in another order.
    assertThat(word.path("score").asDouble()).isEqualTo(score, within(1e-5));
    assertThat(word.has("error")).isFalse();
  }

  @Test
  void aWordWithoutATokenKeepsItsPlace() {
    JsonNode answer = predict("--text tokens --data " + CASE.resolve("zero-width.jsonl"));
    assertThat(answer.path("line").asInt()).isEqualTo(1);
    assertThat(answer.path("label")).hasToString("[\"I-X\",null,\"I-X\",\"I-X\"]");
    assertThat(answer.path("score")).hasSize(4);
    JsonNode words = answer.path("words");
    assertThat(words).hasSize(4);
    assertWord(words.path(0), 0, "the", 0, "I-X", 0.616453);
    assertThat(words.path(1))
        .hasToString(
            "{\"index\":1,\"word\":\"\u200b\",\"start\":4,\"end\":5,\"label\":null,\"score\":null,"
                + "\"error\":\"the tokenizer makes no token of it\"}");
    assertWord(words.path(2), 2, "robin", 6, "I-X", 0.604876);
    assertWord(words.path(3), 3, "sings", 12, "I-X", 0.698725);
  }

  @Test
  void wordsThatAreCutOffAreSaidToBe() {
    JsonNode words = predict("--text tokens --data " + CASE.resolve("long.jsonl")).path("words");
    assertThat(words).hasSize(100);
    // 64 positions, two of them special tokens'.
    assertThat(IntStream.range(0, 100).filter(i -> !words.path(i).has("error")))
        .containsExactlyElementsOf(IntStream.range(0, 62).boxed().toList());
    assertWord(words.path(0), 0, "robin", 0, "I-X", 0.667684);
    assertWord(words.path(1), 1, "robin", 6, "I-X", 0.682975);
    assertThat(words.path(62).path("error").asText()).isEqualTo("cut off by max_length 64");
  }

  @Test
  void typedTextIsAnsweredWordByWord() {
    JsonNode words = typed("\uD83D\uDC26the robin, sings.", "--json").json().path("words");
    assertThat(words)
        .extracting(word -> word.path("word").asText())
        .containsExactly("\uD83D\uDC26the", "robin", ",", "sings", ".");
    // Places are of code points, as in Python: the bird is one.
    assertThat(words)
        .extracting(word -> word.path("start").asInt())
        .containsExactly(0, 5, 10, 12, 17);
    assertThat(typed("the robin, sings.").out())
        .isEqualToNormalizingNewlines(
            """
            the robin, sings.
              0.6271  I-X  the
              0.5905  I-X  robin
              0.5583  I-X  ,
              0.5104  O  sings
              0.7133  I-X  .
            """);
  }

  @Test
  void topKNamesTheLikeliestLabelsOfEachWord() {
    JsonNode word =
        predict("--top-k 2 --text tokens --data " + CASE.resolve("zero-width.jsonl"))
            .path("words")
            .path(0);
    assertThat(word.path("probabilities")).hasSize(2);
    assertThat(word.path("probabilities").path("I-X")).isEqualTo(word.path("score"));
  }

  @Test
  void nothingToScoreIsAnError() {
    Refusal.of(
        temporary,
        1,
        "there is nothing to score: none of the 1 examples has a labelled word of which the"
            + " tokenizer makes a token",
        "evaluate %s --text tokens --label tags --data %s",
        FLAGS,
        CASE.resolve("nothing-counts.jsonl"));
  }

  @Test
  void entitiesAreScoredBesideWords() throws IOException {
    Path data =
        Files.writeString(
            temporary.resolve("tags.jsonl"),
            """
            {"tokens": ["the", "robin", "sings"], "tags": ["O", "B-X", "I-X"]}
            {"tokens": ["the", "\u200b", "robin", "sings"], "tags": ["I-X", "O", "I-X", "I-X"]}
            """);
    String flags = FLAGS + "--text tokens --label tags --data " + data;
    JsonNode scores = Cli.done("evaluate %s --json", flags).json();
    // What the model answers: I-X thrice in the second text, one entity over three scored words.
    assertThat(scores.path("entities").path("by_type").path("X").path("support").asInt())
        .isEqualTo(2);
    assertThat(scores.path("eval_f1"))
        .isEqualTo(scores.path("entities").path("micro_avg").path("f1"));
    assertThat(scores.path("eval_recall").asDouble()).isEqualTo(0.5);
    assertThat(scores.path("confusion_matrix").path("labels"))
        .hasToString("[\"O\",\"B-X\",\"I-X\"]");
    assertThat(scores.path("calibration").path("bins").asInt()).isEqualTo(15);
    assertThat(scores.path("eval_accuracy"))
        .isEqualTo(scores.path("classes").path("micro_avg").path("f1"));
    JsonNode strict = Cli.done("evaluate %s --entity-scheme iob2 --json", flags).json();
    assertThat(strict.path("entities").path("micro_avg").path("support").asInt()).isEqualTo(1);
  }

  @Test
  void pairsAreForOtherTasks() {
    Refusal.of(
        temporary,
        2,
        "token-classification takes no pairs: leave --pair out",
        "predict %s --pair a b",
        FLAGS);
  }
}
