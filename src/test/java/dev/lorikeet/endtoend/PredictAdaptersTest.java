package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A column of the data names the adapter by which each row is answered. */
class PredictAdaptersTest {
  /**
   * Sums of some hundred float32 terms of size 1 in batches of other lengths: √100 · 2⁻²⁴ is 6e-7.
   */
  private static final double ROUNDED = 1e-6;

  private static final List<String> METHODS = List.of("lora", "ln_tuning", "ia3");

  @TempDir static Path shared;

  /** A base whose head was trained. */
  private static Path base;

  private static Path texts;
  private static String adapters;

  @TempDir Path temporary;

  @BeforeAll
  static void train() {
    Path untrained = Tiny.model("bert-classify-lora", shared.resolve("models"));
    texts = Tiny.texts(shared);
    base = shared.resolve("base");
    train(untrained, base, "--method full --lr 1e-2");
    for (String method : METHODS) {
      train(base, adapter(method), "--lr 1e-1 --method " + method);
    }
    adapters = "--adapter birds=%s --adapter %s --adapter %s".formatted(paths());
  }

  private static void train(Path model, Path output, String flags) {
    Cli.done(
        "train --model %s --data %s --epochs 2 --batch-size 4 --max-length 16 --output %s %s",
        model, texts, output, flags);
  }

  private static Path adapter(String method) {
    return shared.resolve(method);
  }

  private static Object[] paths() {
    return METHODS.stream().map(PredictAdaptersTest::adapter).toArray();
  }

  private Path rows(String... lines) {
    return Tiny.file(temporary.resolve("rows.jsonl"), String.join("\n", lines) + "\n");
  }

  private static List<JsonNode> answers(String flags, Path data) {
    return Cli.done("predict %s --data %s", flags, data).jsonLines();
  }

  private static double logit(JsonNode answer) {
    return answer.path("logits").path(0).doubleValue();
  }

  /** Among them one of which no pass can take single rows: it trains norms. */
  @Test
  void eachRowIsAnsweredAsByItsAdapterAlone() {
    Path data =
        rows(
            "{\"text\": \"an apple\", \"who\": \"birds\", \"id\": 7}",
            "{\"text\": \"the fox\", \"who\": \"ln_tuning\", \"id\": 8}",
            "{\"text\": \"the fox and the cow\", \"who\": \"ia3\", \"id\": 9}",
            "{\"text\": \"an apple\", \"who\": \"\", \"id\": 10}",
            "{\"text\": \"the fox\", \"who\": \"birds\", \"id\": 11}",
            "{\"text\": \"the fox\", \"id\": 12}");
    List<JsonNode> mixed = answers(adapters + " --adapter-column who --keep id", data);
    assertThat(mixed).hasSize(6);
    List<List<JsonNode>> alone =
        List.of(
            answers("--adapter " + adapter("lora"), data),
            answers("--adapter " + adapter("ln_tuning"), data),
            answers("--adapter " + adapter("ia3"), data),
            answers("--model " + base, data));
    int[] who = {0, 1, 2, 3, 0, 3};
    String[] names = {"\"birds\"", "\"ln_tuning\"", "\"ia3\"", "\"\"", "\"birds\"", "null"};
    for (int i = 0; i < who.length; i++) {
      JsonNode answer = mixed.get(i);
      JsonNode expected = alone.get(who[i]).get(i);
      assertThat(answer.path("line").asInt()).isEqualTo(i + 1);
      assertThat(answer.path("adapter")).hasToString(names[i]);
      assertThat(answer.path("input")).hasToString("{\"id\":" + (7 + i) + "}");
      assertThat(answer.path("label")).isEqualTo(expected.path("label"));
      assertThat(logit(answer)).isEqualTo(logit(expected), within(ROUNDED));
      for (int other = 0; other < alone.size(); other++) { // and the adapter does something
        if (other != who[i]) {
          assertThat(Math.abs(logit(answer) - logit(alone.get(other).get(i))))
              .as("row %d by model %d", i, other)
              .isGreaterThan(100 * ROUNDED);
        }
      }
    }
  }

  @Test
  void masksAreFilledByEachRowsAdapter() {
    Path words = TinyBase.in(temporary.resolve("words"));
    Path sentences =
        Tiny.file(
            temporary.resolve("sentences.jsonl"),
            "{\"text\": \"a small bird with a red breast\"}\n{\"text\": \"a flat bread of rye\"}\n");
    for (int seed = 1; seed <= 2; seed++) {
      Cli.done(
          "train --model %s --task masked-lm --data %s --epochs 4 --lr 1e-1 --seed %s --output %s",
          words, sentences, seed, temporary.resolve("words-" + seed));
    }
    Path data =
        rows(
            "{\"text\": \"a [MASK] bird\", \"adapter\": \"words-2\"}",
            "{\"text\": \"a [MASK] bird\", \"adapter\": \"words-1\"}",
            "{\"text\": \"a [MASK] bird\"}");
    String flags = "--adapter %s/words-1 --adapter %s/words-2".formatted(temporary, temporary);
    List<JsonNode> mixed = answers(flags + " --adapter-column adapter", data);
    List<String> alone =
        List.of("--adapter " + temporary + "/words-2", "--adapter " + temporary + "/words-1");
    for (int i = 0; i < alone.size(); i++) {
      JsonNode expected = answers(alone.get(i), data).get(i);
      assertThat(mixed.get(i).path("score").doubleValue())
          .isEqualTo(expected.path("score").doubleValue(), within(ROUNDED));
    }
    assertThat(mixed).extracting(answer -> answer.path("score")).doesNotHaveDuplicates();
  }

  @Test
  void anUnknownNameIsABadRow() {
    Path data =
        rows(
            "{\"text\": \"an apple\", \"who\": \"birds\"}",
            "{\"text\": \"an apple\", \"who\": \"brids\"}",
            "{\"text\": \"an apple\", \"who\": [\"ia3\"]}");
    String problem =
        "\"who\" is \"brids\", and no adapter is called so; nearest: birds;"
            + " there are birds, ln_tuning, ia3";
    Refusal.of(
        temporary,
        1,
        data + ":2: " + problem + "; mend the row, or have bad rows skipped",
        "predict %s --data %s --adapter-column who --output %s",
        adapters,
        data,
        temporary.resolve("answers.jsonl"));
    Cli cli =
        Cli.done("predict %s --data %s --adapter-column who --on-bad-row skip", adapters, data);
    List<JsonNode> answers = cli.jsonLines();
    assertThat(answers.get(0).has("error")).isFalse();
    assertThat(answers.get(1).path("error").asText()).isEqualTo(problem);
    assertThat(answers.get(1).path("adapter").asText()).isEqualTo("brids");
    assertThat(answers.get(2).path("error").asText()).startsWith("\"who\" is \"[\"ia3\"]\"");
    assertThat(cli.err()).contains("skipped 2 malformed rows");
  }

  @Test
  void aBaseWithoutATrainedHeadAnswersNoRow() {
    Path untrained = Tiny.model("bert-classify-lora", temporary.resolve("models"));
    Path adapter = temporary.resolve("topics");
    train(untrained, adapter, "--method lora");
    Path data = rows("{\"text\": \"an apple\", \"who\": \"\"}");
    Refusal.of(
        temporary,
        1,
        data
            + ":1: \"who\" is empty, and the base has no weights for classifier: name an adapter;"
            + " there are topics; mend the row, or have bad rows skipped",
        "predict --model %s --data %s --adapter-column who",
        adapter,
        data);
  }

  @Test
  void adaptersOfOtherLabelsOrLengthsAreRefused() throws IOException {
    Path data = rows("{\"text\": \"an apple\", \"who\": \"birds\"}");
    Path other = temporary.resolve("other");
    Files.createDirectories(other);
    for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(adapter("lora").resolve(name), other.resolve(name));
    }
    ObjectNode record =
        (ObjectNode) Cli.parse(Files.readString(adapter("lora").resolve("lorikeet.json")));
    record.put("max_length", 12);
    Files.writeString(other.resolve("lorikeet.json"), record.toString());
    String line = "predict %s --adapter %s --data %s --adapter-column who";
    Refusal.of(
        temporary,
        2,
        "adapter birds has texts cut to 16 tokens, other to 12: say the length for all (max"
            + " length)",
        line,
        adapters,
        other,
        data);
    Cli.done(line + " --max-length 16", adapters, other, data);
    record.putArray("labels").add("fruit").add("animal");
    Files.writeString(other.resolve("lorikeet.json"), record.toString());
    Refusal.of(
        temporary,
        2,
        "adapter birds has the labels [\"animal\",\"fruit\"], other [\"fruit\",\"animal\"]:"
            + " adapters of one model answer with the same labels",
        line,
        adapters,
        other,
        data);
  }

  @Test
  void wrongUse() throws IOException {
    Path data = rows("{\"text\": \"an apple\", \"who\": \"birds\"}");
    Path lora = adapter("lora");
    refused(
        "--adapter is given 3 times: give one; several answer by predict --adapter-column",
        adapters + " --data " + data);
    refused(
        "--adapter-column is for the columns of --data: leave it out",
        adapters + " --adapter-column who apple");
    refused(
        "there are no adapters: give --adapter NAME=ADAPTER for each",
        "--model %s --data %s --adapter-column who".formatted(base, data));
    refused(
        "adapters %s and %s are both called \"lora\": give them names, --adapter NAME=ADAPTER"
            .formatted(lora, adapter("ia3")),
        "--adapter %s --adapter lora=%s --data %s --adapter-column who"
            .formatted(lora, adapter("ia3"), data));
    Path dotted = Files.createDirectories(temporary.resolve("v1.0"));
    Files.copy(lora.resolve("adapter_config.json"), dotted.resolve("adapter_config.json"));
    refused(
        ("--adapter %s: \"v1.0\" cannot name an adapter, letters, digits, _ and - can: give it a"
                + " name, --adapter NAME=%s")
            .formatted(dotted, dotted),
        "--model %s --adapter %s --data %s --adapter-column who".formatted(base, dotted, data));
    refused(
        data + ": no column \"whom\"; nearest: who; there are: text, who",
        adapters + " --adapter-column whom --data " + data);
  }

  private void refused(String message, String flags) {
    Refusal.of(temporary, 2, message, "predict " + flags);
  }

  @Test
  void adaptersOfDifferentBasesAreRefusedUnlessTheModelIsNamed() throws IOException {
    Path data = rows("{\"text\": \"an apple\", \"who\": \"lora\"}");
    Path elsewhere = Tiny.model("bert-classify-lora", temporary.resolve("models"));
    Path other = temporary.resolve("other");
    train(elsewhere, other, "--method lora");
    Refusal.of(
        temporary,
        2,
        "adapter %s was trained on %s, %s on %s: give --model, if these are the same model"
            .formatted(adapter("lora"), base, other, elsewhere),
        "predict --adapter %s --adapter %s --data %s --adapter-column who",
        adapter("lora"),
        other,
        data);
  }
}
