package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigTest {
  private static ModelConfig config(String json) {
    try {
      return ModelConfig.of("config.json", new ObjectMapper().readTree(json.replace('\'', '"')));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static void assertRefused(String json, Consumer<ModelConfig> read, String message) {
    assertThatThrownBy(() -> read.accept(config(json)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  // ---- files ----

  @Test
  void aFolderWithoutConfigIsNoCheckpoint(@TempDir Path folder) {
    assertThatThrownBy(() -> ModelConfig.read(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(folder + " has no config.json: give the folder of a Hugging Face checkpoint");
  }

  @Test
  void whatIsNotJsonIsNamed(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), "{\"model_type\": bert}");
    assertThatThrownBy(() -> ModelConfig.read(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(file + " is not JSON: unrecognized token 'bert'")
        .hasMessageNotContaining("\n");
  }

  @Test
  void whatIsNotAnObjectIsNamed(@TempDir Path folder) throws IOException {
    for (String text : List.of("[]", "")) {
      Path file = Files.writeString(folder.resolve("config.json"), text);
      assertThatThrownBy(() -> ModelConfig.read(folder))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(file + " is not a JSON object");
    }
  }

  // ---- values ----

  @Test
  void valuesAreReadByTheirKind() {
    ModelConfig config = config("{'n': 3, 'x': 0.5, 't': 'gelu', 'nothing': null}");
    assertThat(config.integer("n")).isEqualTo(3);
    assertThat(config.number("x", 1)).isEqualTo(0.5);
    assertThat(config.number("n", 1)).isEqualTo(3);
    assertThat(config.number("nothing", 1)).isEqualTo(1);
    assertThat(config.number("absent", 1)).isEqualTo(1);
    assertThat(config.text("t")).isEqualTo("gelu");
    assertThat(config.text("nothing", "relu")).isEqualTo("relu");
  }

  @Test
  void valuesOfAnotherKindAreRefusedWithKeyAndValue() {
    assertRefused(
        "{'n': 3.5}",
        config -> config.integer("n"),
        "config.json: \"n\" must be a whole number, not 3.5");
    assertRefused(
        "{'n': '3'}",
        config -> config.number("n", 0),
        "config.json: \"n\" must be a number, not \"3\"");
    assertRefused(
        "{'n': 1e39}",
        config -> config.number("n", 0),
        "config.json: \"n\" must be a number that float32 holds, not 1.0E39");
    assertRefused(
        "{'t': 3}", config -> config.text("t", ""), "config.json: \"t\" must be a string, not 3");
    assertRefused(
        "{}",
        config -> config.integer("n"),
        "config.json lacks \"n\", which must be a whole number");
    assertRefused(
        "{'t': null}",
        config -> config.text("t"),
        "config.json lacks \"t\", which must be a string");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "num_hidden_layers | 4294967298 | 0 to 10000",
        "num_hidden_layers | 2147483647 | 0 to 10000",
        "num_layers | 10001 | 0 to 10000",
        "num_attention_heads | 0 | 1 to 100000",
        "hidden_size | -32 | 1 to 1048576",
        "hidden_size | 18446744073709551616 | 1 to 1048576",
        "vocab_size | 2147483647 | 1 to 1073741824",
        "num_labels | 4294967298 | 1 to 1048576",
        "pad_token_id | 4294967298 | -2147483648 to 2147483647",
      })
  void sizesThatNoModelHasAreRefused(String key, String value, String range) {
    assertRefused(
        "{'" + key + "': " + value + "}",
        config -> config.integer(key),
        "config.json: \"" + key + "\" must be from " + range + ", not " + value);
  }

  @Test
  void aSettingThatMustBeSoMayBeAbsent() {
    config("{}").mustBe("is_decoder", "false");
    config("{'is_decoder': null}").mustBe("is_decoder", "false");
    config("{'is_decoder': false}").mustBe("is_decoder", "false");
    assertRefused(
        "{'is_decoder': true}",
        config -> config.mustBe("is_decoder", "false"),
        "config.json: is_decoder is true, and only false is supported:"
            + " the model would compute something else");
  }

  // ---- labels and heads ----

  @Test
  void labelsAreInTheOrderOfTheirIds() {
    ModelConfig config = config("{'id2label': {'1': 'b', '0': 'a', '10': 'x'}}");
    assertThatThrownBy(config::labels)
        .isInstanceOf(LorikeetException.class)
        .hasMessage("config.json: id2label has 3 entries but none for id 2");
    assertThat(config("{'id2label': {'1': 'b', '0': 'a'}}").labels()).containsExactly("a", "b");
    assertThat(config("{}").labels()).isEmpty();
  }

  @Test
  void labelsAreCountedAsTransformersCountsThem() {
    assertThat(config("{'id2label': {'0': 'a', '1': 'b', '2': 'c'}}").labelCount()).isEqualTo(3);
    assertThat(config("{'num_labels': 4}").labelCount()).isEqualTo(4);
    assertThat(config("{}").labelCount()).isEqualTo(2);
  }

  @Test
  void theProblemIsAsWrittenOrFollowsFromTheLabels() {
    assertThat(config("{'problem_type': 'multi_label_classification'}").problemType())
        .isEqualTo(ProblemType.MULTI_LABEL);
    assertThat(config("{'num_labels': 1}").problemType()).isEqualTo(ProblemType.REGRESSION);
    assertThat(config("{'problem_type': null}").problemType()).isEqualTo(ProblemType.SINGLE_LABEL);
    assertThatThrownBy(() -> config("{'problem_type': 'ranking'}").problemType())
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "unknown problem_type \"ranking\": use single_label_classification,"
                + " multi_label_classification, regression");
  }

  @ParameterizedTest
  @CsvSource({
    "BertForSequenceClassification, sequence-classification",
    "BertForTokenClassification, token-classification",
    "BertForMaskedLM, masked-lm",
    "BertModel,"
  })
  void theHeadIsThatOfTheCheckpointsClass(String architecture, @Nullable String id) {
    HeadType head = config("{'architectures': ['" + architecture + "']}").headType();
    assertThat(head == null ? null : head.id()).isEqualTo(id);
  }

  @ParameterizedTest
  @CsvSource({
    "'[\"BertModel\"]', BertForTokenClassification",
    "'[\"BertForMaskedLM\"]', BertForTokenClassification",
    "'null', BertForTokenClassification"
  })
  void anotherHeadRenamesTheClass(String architectures, String expected) {
    ModelConfig config =
        config("{'model_type': 'bert', 'architectures': " + architectures.replace('"', '\'') + "}")
            .withHead(HeadType.TOKEN_CLASSIFICATION, List.of("O", "B"), null);
    assertThat(config.json().path("architectures").path(0).asText()).isEqualTo(expected);
    assertThat(config.headType()).isEqualTo(HeadType.TOKEN_CLASSIFICATION);
  }

  @Test
  void anotherHeadBringsItsLabelsAndKeepsEveryOtherKey() {
    ModelConfig before =
        config(
            "{'model_type': 'bert', 'num_labels': 7, 'id2label': {'0': 'x'}, 'label2id': {'x': 0},"
                + " 'made_up': {'kept': [1, 2.5, null]}}");
    ModelConfig after =
        before.withHead(
            HeadType.SEQUENCE_CLASSIFICATION, List.of("no", "yes"), ProblemType.SINGLE_LABEL);
    assertThat(after.json())
        .isEqualTo(
            config(
                    "{'model_type': 'bert', 'id2label': {'0': 'no', '1': 'yes'},"
                        + " 'label2id': {'no': 0, 'yes': 1}, 'made_up': {'kept': [1, 2.5, null]},"
                        + " 'architectures': ['BertForSequenceClassification'],"
                        + " 'problem_type': 'single_label_classification'}")
                .json());
    assertThat(before.labelCount()).isEqualTo(1);
  }

  @Test
  void theJsonThatIsHandedOutIsACopy() {
    ModelConfig config = config("{'model_type': 'bert'}");
    config.json().put("model_type", "gpt2");
    assertThat(config.modelType()).isEqualTo("bert");
  }
}
