package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.UsageException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Dropout under the keys of each architecture's configuration in transformers. */
class DropoutsTest {
  private static ModelConfig changed(String modelType, Dropouts dropouts) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("model_type", modelType);
    ModelConfig config = ModelConfig.of("config.json", json);
    return dropouts.in(config, Architectures.of(config).dropouts());
  }

  @ParameterizedTest
  @CsvSource({
    "bert, hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout",
    "roberta, hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout",
    "electra, hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout",
    "deberta-v2, hidden_dropout_prob, attention_probs_dropout_prob, cls_dropout",
    "distilbert, dropout, attention_dropout, seq_classif_dropout qa_dropout",
    "modernbert, embedding_dropout mlp_dropout, attention_dropout, classifier_dropout",
    "llama, , attention_dropout, ",
    "qwen3, , attention_dropout, ",
    "gemma2, , attention_dropout, ",
    "phi3, embd_pdrop resid_pdrop, attention_dropout, ",
    "gpt2, embd_pdrop resid_pdrop, attn_pdrop, ",
    "t5, dropout_rate, , ",
    "vit, hidden_dropout_prob, attention_probs_dropout_prob, ",
  })
  void everyArchitectureHasItsOwnNames(
      String modelType,
      @Nullable String hidden,
      @Nullable String attention,
      @Nullable String classifier) {
    assertKeys(modelType, "dropout", hidden, new Dropouts(0.3, null, null));
    assertKeys(modelType, "attention_dropout", attention, new Dropouts(null, 0.3, null));
    assertKeys(modelType, "classifier_dropout", classifier, new Dropouts(null, null, 0.3));
  }

  private static void assertKeys(
      String modelType, String option, @Nullable String keys, Dropouts dropouts) {
    if (keys == null) {
      assertThatThrownBy(() -> changed(modelType, dropouts))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              option
                  + " is 0.3, and model_type \""
                  + modelType
                  + "\" has no dropout there: leave it out");
      return;
    }
    ObjectNode expected = JsonNodeFactory.instance.objectNode().put("model_type", modelType);
    for (String key : keys.split(" ", -1)) {
      expected.put(key, 0.3);
    }
    assertThat(changed(modelType, dropouts).json()).isEqualTo(expected);
  }

  @Test
  void withoutAnyTheConfigurationStaysAsItIs() {
    assertThat(changed("bert", Dropouts.UNCHANGED).json())
        .isEqualTo(JsonNodeFactory.instance.objectNode().put("model_type", "bert"));
  }

  @Test
  void probabilitiesOutsideTheirRangeAreRefused() {
    assertThatThrownBy(() -> new Dropouts(null, 1.0, null))
        .isInstanceOf(UsageException.class)
        .hasMessage("attention_dropout is 1.0: it must be at least 0 and below 1");
  }
}
