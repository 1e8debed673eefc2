package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A Llama that classifies, whose config.json and tokenizer name no padding token. */
class PadTokenTest {
  private static final Path RESOURCES = Path.of("resources").toAbsolutePath();
  private static final String TOKEN = "<|im_end|>";
  private static final int ID = 2;

  private static final String TEXTS =
      """
      {"text": "a bird", "label": "bird"}
      {"text": "bread and a flat cake of rye", "label": "bread"}
      {"text": "cat", "label": "cat"}
      """;

  @TempDir private Path temporary;
  private Path model;
  private Path data;

  @BeforeEach
  void takeThePaddingToken() throws IOException {
    model = Files.createDirectory(temporary.resolve("model"));
    Path golden = RESOURCES.resolve("golden/llama-classify-lora");
    Files.copy(golden.resolve("model.safetensors"), model.resolve("model.safetensors"));
    Files.copy(RESOURCES.resolve("chat/tiny/tokenizer.json"), model.resolve("tokenizer.json"));
    copyWithout("pad_token_id", golden.resolve("config.json"));
    copyWithout("pad_token", RESOURCES.resolve("chat/tiny/tokenizer_config.json"));
    data = Files.writeString(temporary.resolve("texts.jsonl"), TEXTS);
  }

  private void copyWithout(String key, Path file) throws IOException {
    ObjectNode json = (ObjectNode) read(file);
    assertThat(json.remove(key)).isNotNull();
    Files.writeString(model.resolve(file.getFileName()), json.toString());
  }

  private static JsonNode read(Path file) throws IOException {
    return Cli.parse(Files.readString(file));
  }

  private List<JsonNode> predicted(String flags, Object... arguments) {
    return Cli.done("predict --data " + data + " " + flags, arguments).jsonLines();
  }

  private static double probability(JsonNode answer, String label) {
    JsonNode probability = answer.path("probabilities").path(label);
    assertThat(probability.isNumber()).as("%s in %s", label, answer).isTrue();
    return probability.asDouble();
  }

  /**
   * The numbers are those of transformers 5.18 with {@code model.config.pad_token_id} and {@code
   * tokenizer.pad_token} set, three texts in one batch.
   */
  @Test
  void answersAreThoseOfTransformersWithThisPaddingToken() {
    List<JsonNode> answers = predicted("--model %s --pad-token %s", model, TOKEN);
    double[][] expected = {
      {0.2075487, 0.2541102, 0.5383411},
      {0.2225206, 0.3921438, 0.3853355},
      {0.2564217, 0.4041490, 0.3394292}
    };
    for (int row = 0; row < expected.length; row++) {
      for (int label = 0; label < 3; label++) {
        // Sums of float32 in another order.
        assertThat(probability(answers.get(row), "LABEL_" + label))
            .isCloseTo(expected[row][label], within(1e-6));
      }
    }
  }

  @Test
  void whatTrainingUsedIsKnownToTheRestAndToTransformers() throws IOException {
    Path adapter = temporary.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --output %s --pad-token %s --epochs 2 --batch-size 3 --lr 1e-2",
        model, data, adapter, TOKEN);
    JsonNode record = read(adapter.resolve("lorikeet.json"));
    assertThat(record.path("pad_token").asText()).isEqualTo(TOKEN);
    assertThat(record.path("settings").path("pad_token").asText()).isEqualTo(TOKEN);
    assertThat(padToken(adapter)).isEqualTo(TOKEN);
    assertThat(loss("--adapter " + adapter))
        .isEqualTo(loss("--adapter " + adapter + " --pad-token " + TOKEN));

    Path merged = temporary.resolve("merged");
    Cli.done("merge --adapter %s --output %s", adapter, merged);
    assertThat(read(merged.resolve("config.json")).path("pad_token_id").asInt()).isEqualTo(ID);
    assertThat(padToken(merged)).isEqualTo(TOKEN);
    List<JsonNode> of = predicted("--adapter %s", adapter);
    List<JsonNode> ofMerged = predicted("--model %s", merged);
    for (int row = 0; row < of.size(); row++) {
      for (String label : List.of("bird", "bread", "cat")) {
        // W + BA rounded once to float32, beside W x + B(A x).
        assertThat(probability(ofMerged.get(row), label))
            .isCloseTo(probability(of.get(row), label), within(1e-5));
      }
    }
  }

  private double loss(String flags) {
    return Cli.done("evaluate --json --data " + data + " " + flags)
        .json()
        .path("eval_loss")
        .asDouble();
  }

  private static String padToken(Path folder) throws IOException {
    return read(folder.resolve("tokenizer_config.json")).path("pad_token").asText();
  }

  @Test
  void tokenOutsideOfTheVocabularyIsRefusedBeforeAnythingIsWritten() {
    Path output = temporary.resolve("adapter");
    String message =
        "the padding token \"[PAD]\" is not in the vocabulary of "
            + model.resolve("tokenizer.json")
            + ": give one that is, such as the one that ends texts";
    Cli trained =
        Cli.run("train --model %s --data %s --output %s --pad-token [PAD]", model, data, output);
    assertThat(trained.status()).isEqualTo(2);
    assertThat(trained.err()).contains(message);
    assertThat(output).doesNotExist();
    Cli asked = Cli.run("predict --model %s --data %s --pad-token [PAD]", model, data);
    assertThat(asked.status()).isEqualTo(2);
    assertThat(asked.err()).contains(message);
  }

  @Test
  void modelWithAnotherPaddingTokenKeepsIts() throws IOException {
    ObjectNode config = (ObjectNode) read(model.resolve("config.json"));
    Files.writeString(model.resolve("config.json"), config.put("pad_token_id", 0).toString());
    Cli asked = Cli.run("predict --model %s --data %s --pad-token %s", model, data, TOKEN);
    assertThat(asked.status()).isEqualTo(2);
    assertThat(asked.err())
        .contains(
            model.resolve("config.json")
                + " has pad_token_id 0, the padding token that was given has id 2: leave it out"
                + " (--pad-token is for models without one)");
  }

  @Test
  void otherTasksTakeNone() {
    Cli trained =
        Cli.run(
            "train --task causal-lm --text text --model %s --data %s --output %s --pad-token %s",
            model, data, temporary.resolve("out"), TOKEN);
    assertThat(trained.status()).isEqualTo(2);
    assertThat(trained.err())
        .contains(
            "a padding token is for sequence-classification, and the task is causal-lm: leave"
                + " --pad-token out");
  }
}
