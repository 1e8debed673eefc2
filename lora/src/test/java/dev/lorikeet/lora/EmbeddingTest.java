package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Adapters on embeddings, and what they mean for output weights that are tied to them. */
@Tag("numeric")
class EmbeddingTest {
  private static final String WORDS = "bert.embeddings.word_embeddings";
  private static final String TABLE = WORDS + ".weight";

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static LoraConfig on(String... targets) {
    return LoraConfig.of(4, 8).withTargets(Targets.of(targets));
  }

  @Test
  void allLinearLeavesEmbeddingsAlone() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThat(Adapter.attach(model, LoraConfig.DEFAULT, 1).layers().keySet())
          .noneMatch(path -> path.contains("embeddings"));
    }
  }

  @Test
  void anExpressionReachesThem() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      LoraConfig words = LoraConfig.DEFAULT.withTargets(Targets.parse(".*\\.word_embeddings"));
      assertThat(Adapter.attach(model, words, 1).layers()).containsOnlyKeys(WORDS);
    }
  }

  @Test
  void tokensThatAreNotThereMoveNothing() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Tensor before = TinyBert.logits(model);
      Adapter adapter = Adapter.attach(model, on("word_embeddings"), 1);
      Tensor a =
          Objects.requireNonNull(
                  adapter.parameters().get("base_model.model." + WORDS + ".lora_embedding_A"))
              .original();
      a.narrow(1, 42, 1).setInPlace(Tensor.normal(0, 1, 4, 1)); // no text has token 42
      assertThat(TinyBert.logits(model).sameAs(before)).isTrue();
      a.narrow(1, 61, 1).setInPlace(Tensor.normal(0, 1, 4, 1)); // one has token 61
      assertThat(TinyBert.logits(model).sameAs(before)).isFalse();
    }
  }

  @Test
  void aMergeLeavesTheOutputWeightsThatReadTheSameTable() {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      Adapter adapter = Adapter.attach(model, on("word_embeddings"), 1);
      TinyBert.randomize(adapter);
      Tensor adapted = TinyBert.logits(model);
      adapter.merge();
      // Logits below 10 of a few dozen roundings of 6e-8.
      assertThat(TinyBert.logits(model).sub(adapted).abs().max().item()).isLessThan(4e-5);
      assertThat(model.storedConfig().json().path("tie_word_embeddings").asBoolean(true)).isFalse();
      assertThat(model.stateDict())
          .containsKeys("cls.predictions.decoder.weight", "cls.predictions.decoder.bias");
      adapter.unmerge();
      assertThat(model.stateDict()).doesNotContainKey("cls.predictions.decoder.weight");
      assertThat(model.storedConfig().json()).isEqualTo(model.config().json());
    }
  }

  @Test
  void aMergedClassifierIsStoredUnderTheTablesName() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      byte[] before = TinyBert.bytes(model).get(TABLE);
      Adapter adapter = Adapter.attach(model, on("word_embeddings"), 1);
      TinyBert.randomize(adapter);
      adapter.merge();
      assertThat(TinyBert.bytes(model).get(TABLE)).isNotEqualTo(before);
      assertThat(model.storedConfig().json()).isEqualTo(model.config().json());
    }
  }

  @Test
  void startsThatAreTakenOutOfTheWeightAreForLinearLayers() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      LoraConfig config = on("word_embeddings").but().init(LoraInit.of("pissa")).build();
      assertThatThrownBy(() -> Adapter.attach(model, config, 1))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "init_lora_weights pissa is for linear layers only, and target "
                  + WORDS
                  + " is an embedding");
    }
  }
}
