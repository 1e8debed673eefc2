package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A tiny causal language model (the golden Llama's weights, which are random, and a tokenizer of
 * characters with ChatML's template) learns what an assistant answers.
 */
class LanguageModelsTest {
  private static final Path RESOURCES = Path.of("resources");

  /** ln 96: the loss of a model that knows nothing of its 96 tokens. */
  private static final double KNOWS_NOTHING = Math.log(96);

  private static final String CHATS =
      """
      {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "apple"}]}
      {"messages": [{"role": "user", "content": "b"}, {"role": "assistant", "content": "bee"}]}
      {"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "cat"}]}
      {"messages": [{"role": "user", "content": "d"}, {"role": "assistant", "content": "dog"}]}
      """;
  private static final String FULL =
      "--method full --lr 1e-2 --epochs 60 --batch-size 4 --max-length 64 --seed 3";

  @TempDir Path temporary;
  private Path model;

  @BeforeEach
  void copyModel() throws IOException {
    model = copied("llama-lm-lora");
  }

  private Path copied(String golden) throws IOException {
    Path folder = Files.createDirectory(temporary.resolve(golden));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(RESOURCES.resolve("golden").resolve(golden).resolve(name), folder.resolve(name));
    }
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(RESOURCES.resolve("chat/tiny").resolve(name), folder.resolve(name));
    }
    return folder;
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(temporary.resolve(name), text);
  }

  /** The number is transformers', of {@code src/test/interop/chat_tokenizers.py}. */
  @Test
  void theLossOfAnswersIsThatOfTransformers() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    double expected =
        Cli.parse(Files.readString(RESOURCES.resolve("chat/tiny/losses.json")))
            .path("causal-lm")
            .asDouble();
    // Sums of float32 in another order.
    assertThat(evaluate(model, chats, "--messages messages").path("eval_loss").asDouble())
        .isCloseTo(expected, within(1e-5));
  }

  @Test
  void answersAreLearnedAndQuestionsAreNot() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    Path tuned = temporary.resolve("tuned");
    Cli.done(
        "train --model %s --data %s --task causal-lm --messages messages --output %s " + FULL,
        model,
        chats,
        tuned);
    JsonNode answers = evaluate(tuned, chats, "--messages messages");
    assertThat(answers.path("eval_loss").asDouble()).isLessThan(0.1);
    assertThat(answers.path("eval_accuracy").asDouble()).isGreaterThan(0.95);
    assertThat(answers.path("eval_perplexity").asDouble())
        .isCloseTo(Math.exp(answers.path("eval_loss").asDouble()), within(1e-9));

    // The same model on every token: each row has 24 to 28 tokens, of which 4 to 6 are the answer
    // with its end. Headers are the easiest of all to learn, and were not.
    JsonNode record = Cli.parse(Files.readString(tuned.resolve("lorikeet.json")));
    assertThat(record.path("train_on").asText()).isEqualTo("assistant");
    Files.writeString(
        tuned.resolve("lorikeet.json"),
        record.toString().replace("\"train_on\":\"assistant\"", "\"train_on\":\"all\""));
    double all = evaluate(tuned, chats, "--messages messages").path("eval_loss").asDouble();
    assertThat(all).isGreaterThan(0.7 * KNOWS_NOTHING);
  }

  /** The rows hold two chats each; a step learns all four of them, packed or not. */
  @Test
  void packedChatsAreLearnedAsByThemselves() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    Path tuned = temporary.resolve("tuned");
    Cli.done(
        "train --model %s --data %s --task causal-lm --messages messages --packing --output %s "
            + FULL,
        model,
        chats,
        tuned);
    JsonNode answers = evaluate(tuned, chats, "--messages messages");
    assertThat(answers.path("eval_loss").asDouble()).isLessThan(0.1);
    assertThat(answers.path("eval_accuracy").asDouble()).isGreaterThan(0.95);
  }

  @Test
  void everythingIsLearnedWhereThatIsAskedFor() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    Path tuned = temporary.resolve("tuned");
    Cli.done(
        "train --model %s --data %s --task causal-lm --messages messages --train-on all"
            + " --output %s "
            + FULL,
        model,
        chats,
        tuned);
    // What cannot be known is which of four letters is asked: ln 4 in each of 25 tokens or so.
    double loss = evaluate(tuned, chats, "--messages messages").path("eval_loss").asDouble();
    assertThat(loss).isLessThan(0.2);
  }

  private static JsonNode evaluate(Path tuned, Path data, String flags) {
    return Cli.done("evaluate --json --model %s --data %s " + flags, tuned, data).json();
  }

  @Test
  void anAdapterIsSavedScoredAndMerged() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    Path adapter = temporary.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --eval-data %s --task causal-lm --messages messages"
            + " --method lora --rank 8 --alpha 32 --lr 2e-2 --epochs 50 --batch-size 4"
            + " --max-length 64 --output %s",
        model, chats, chats, adapter);
    JsonNode config = Cli.parse(Files.readString(adapter.resolve("adapter_config.json")));
    assertThat(config.path("task_type").asText()).isEqualTo("CAUSAL_LM");
    String flags = "--messages messages --adapter " + adapter;
    double tuned = evaluate(model, chats, flags).path("eval_loss").asDouble();
    assertThat(tuned).isLessThan(0.5 * KNOWS_NOTHING);
    Path merged = temporary.resolve("merged");
    Cli.done("merge --model %s --adapter %s --output %s", model, adapter, merged);
    // Merging rounds each weight once to float32.
    assertThat(evaluate(merged, chats, "--messages messages").path("eval_loss").asDouble())
        .isCloseTo(tuned, within(1e-4));
  }

  @Test
  void textsAndPromptsWithCompletionsAreLearnedToo() throws IOException {
    Path texts =
        file(
            "texts.jsonl",
            """
            {"text": "the cat is here", "question": "a?", "answer": " apple"}
            {"text": "the dog is here", "question": "b?", "answer": " bee"}
            """);
    for (String columns : List.of("--text text", "--prompt question --completion answer")) {
      Path tuned = temporary.resolve("tuned" + columns.length());
      Cli.done(
          "train --model %s --data %s --task causal-lm %s --output %s " + FULL,
          model,
          texts,
          columns,
          tuned);
      assertThat(evaluate(tuned, texts, columns).path("eval_loss").asDouble()).isLessThan(0.2);
    }
  }

  @Test
  void aLanguageModelThatWritesIsNotAskedForScores() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    Cli predicted = Cli.run("predict --model %s --data %s --messages messages", model, chats);
    assertThat(predicted.status()).isEqualTo(2);
    assertThat(predicted.err())
        .contains("a model for causal-lm answers by writing: use lorikeet generate");
    Cli exported = Cli.run("export --model %s --output %s", model, temporary.resolve("onnx"));
    assertThat(exported.status()).isEqualTo(2);
    assertThat(exported.err())
        .contains("a model for causal-lm has no ONNX export: use lorikeet merge for a checkpoint");
  }

  @Test
  void rowsThatTeachNothingAreTold() throws IOException {
    Path chats =
        file(
            "chats.jsonl",
            CHATS
                + """
                {"messages": [{"role": "user", "content": "only a question, and a long one at that"}]}
                """);
    String train =
        "train --model %s --data %s --task causal-lm --messages messages --epochs 2 --output %s";
    Cli cli = Cli.done(train + " --max-length 40", model, chats, temporary.resolve("a"));
    assertThat(cli.err())
        .contains(
            "1 of 5 training texts have no token to learn in their first 40 and are left out");
    Cli none = Cli.run(train + " --max-length 5", model, chats, temporary.resolve("b"));
    assertThat(none.status()).isEqualTo(1);
    assertThat(none.err()).contains("none of the 5 examples has a token to learn in its first 5");
    assertThat(temporary.resolve("b")).doesNotExist();
  }

  @Test
  void columnsThatDoNotGoTogetherAreRefused() throws IOException {
    Path chats = file("chats.jsonl", CHATS);
    assertRefused(chats, "--messages messages --text text", "a row is a text, a chat, or a prompt");
    assertRefused(chats, "--label x", "causal-lm takes no labels: leave column \"x\" out");
    assertRefused(chats, "--target x", "causal-lm has no use for the target column \"x\"");
    assertRefused(chats, "--text x", "no column \"x\"; nearest: messages");
    assertRefused(chats, "--messages messages --train-on user", "unknown train_on \"user\"");
  }

  private void assertRefused(Path data, String flags, String problem) {
    Cli cli =
        Cli.run(
            "train --model %s --data %s --task causal-lm --output %s %s",
            model, data, temporary.resolve("never"), flags);
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.err()).contains(problem);
  }
}
