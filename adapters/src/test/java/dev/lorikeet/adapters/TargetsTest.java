package dev.lorikeet.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** PEFT's rules of which modules are adapted, and this project's strictness. */
class TargetsTest {
  /** The linear layers of a BERT classifier of two layers. */
  private static final List<String> BERT =
      List.of(
          "bert.encoder.layer.0.attention.self.query",
          "bert.encoder.layer.0.attention.self.key",
          "bert.encoder.layer.0.attention.self.value",
          "bert.encoder.layer.0.attention.output.dense",
          "bert.encoder.layer.0.intermediate.dense",
          "bert.encoder.layer.0.output.dense",
          "bert.encoder.layer.1.attention.self.query",
          "bert.encoder.layer.1.attention.self.key",
          "bert.encoder.layer.1.attention.self.value",
          "bert.encoder.layer.1.attention.output.dense",
          "bert.encoder.layer.1.intermediate.dense",
          "bert.encoder.layer.1.output.dense",
          "bert.pooler.dense",
          "classifier");

  private static final Set<String> HEADS = Set.of("classifier");

  private static List<String> match(Targets targets) {
    return targets.match(BERT, path -> false, HEADS);
  }

  private static void assertRefused(Targets targets, String message) {
    assertThatThrownBy(() -> match(targets)).isInstanceOf(UsageException.class).hasMessage(message);
  }

  private static Targets regex(String expression) {
    return new Targets(List.of(expression), true, List.of(), false, null, List.of());
  }

  private static Targets excluding(Targets targets, boolean regex, String... entries) {
    return new Targets(
        targets.modules(), targets.regex(), List.of(entries), regex, null, List.of());
  }

  private static Targets inLayers(Targets targets, Set<Integer> layers, String... patterns) {
    return new Targets(
        targets.modules(), targets.regex(), List.of(), false, layers, List.of(patterns));
  }

  // ---- lists ----

  @Test
  void anEntryMatchesPathsThatEndWithADotAndIt() {
    assertThat(match(Targets.of("query")))
        .containsExactly(
            "bert.encoder.layer.0.attention.self.query",
            "bert.encoder.layer.1.attention.self.query");
    assertThat(match(Targets.of("output.dense")))
        .containsExactly(
            "bert.encoder.layer.0.attention.output.dense",
            "bert.encoder.layer.0.output.dense",
            "bert.encoder.layer.1.attention.output.dense",
            "bert.encoder.layer.1.output.dense");
  }

  @Test
  void anEntryMatchesThePathThatItEquals() {
    assertThat(match(Targets.of("bert.pooler.dense"))).containsExactly("bert.pooler.dense");
    assertThat(match(Targets.of("classifier"))).containsExactly("classifier");
  }

  @Test
  void anEntryDoesNotMatchTheEndOfAName() {
    assertRefused(
        Targets.of("uery"), "no module matches target_modules entry \"uery\"; nearest: query, key");
  }

  @Test
  void pathsComeInTheirOrderWhateverThatOfTheEntries() {
    assertThat(match(Targets.of("classifier", "pooler.dense")))
        .containsExactly("bert.pooler.dense", "classifier");
  }

  @Test
  void everyEntryMustMatch() {
    assertRefused(
        Targets.of("query", "vlaue"),
        "no module matches target_modules entry \"vlaue\"; nearest: value, dense");
    assertRefused(
        Targets.of("bert.poler.dense"),
        "no module matches target_modules entry \"bert.poler.dense\"; nearest: bert.pooler.dense,"
            + " dense");
  }

  // ---- expressions ----

  @Test
  void anExpressionMatchesWholePaths() {
    assertThat(match(regex(".*layer\\.1\\.attention\\.self\\.(query|value)")))
        .containsExactly(
            "bert.encoder.layer.1.attention.self.query",
            "bert.encoder.layer.1.attention.self.value");
    assertThatThrownBy(() -> match(regex("layer\\.1")))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("no module matches target_modules entry \"layer\\.1\"; nearest: ");
  }

  @Test
  void aBrokenExpressionIsRefusedAtOnce() {
    assertThatThrownBy(() -> regex("(query"))
        .isInstanceOf(UsageException.class)
        .hasMessage("target_modules \"(query\" is not a regular expression: Unclosed group");
    assertThatThrownBy(() -> excluding(Targets.of("query"), true, "[a"))
        .isInstanceOf(UsageException.class)
        .hasMessage("exclude_modules \"[a\" is not a regular expression: Unclosed character class");
  }

  // ---- all-linear ----

  @Test
  void allLinearIsEveryLayerButTheHead() {
    assertThat(match(Targets.allLinear())).isEqualTo(BERT.subList(0, BERT.size() - 1));
  }

  // ---- defaults ----

  @Test
  void whereNoTargetsAreNamedPeftsDefaultsAreMeant() {
    Targets targets =
        new Targets(
            List.of(), false, List.of("layer.0.attention.self.query"), false, null, List.of());
    assertThat(match(targets.orDefaultsOf(config("bert"), "LORA")))
        .containsExactly(
            "bert.encoder.layer.0.attention.self.value",
            "bert.encoder.layer.1.attention.self.query",
            "bert.encoder.layer.1.attention.self.value");
    assertThat(Targets.of("key").orDefaultsOf(config("bert"), "LORA")).isEqualTo(Targets.of("key"));
    for (String modelType : List.of("roberta", "xlm-roberta", "electra")) {
      assertThat(Targets.of().orDefaultsOf(config(modelType), "LORA"))
          .isEqualTo(Targets.of("query", "value"));
    }
    assertThatThrownBy(() -> Targets.of().orDefaultsOf(config("distilbert"), "LORA"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "target_modules is missing, and there are no default ones for model_type"
                + " \"distilbert\": name them, or all-linear");
  }

  private static ModelConfig config(String modelType) {
    return ModelConfig.of(
        "config.json", JsonNodeFactory.instance.objectNode().put("model_type", modelType));
  }

  // ---- exclusions ----

  @Test
  void exclusionsGoFirst() {
    assertThat(match(excluding(Targets.allLinear(), false, "pooler.dense", "layer.0.output.dense")))
        .hasSize(11)
        .doesNotContain("bert.pooler.dense", "bert.encoder.layer.0.output.dense")
        .contains("bert.encoder.layer.0.attention.output.dense");
    assertThat(match(excluding(Targets.of("query"), true, ".*layer\\.0\\..*")))
        .containsExactly("bert.encoder.layer.1.attention.self.query");
  }

  @Test
  void everyExclusionMustMatch() {
    assertRefused(
        excluding(Targets.of("query"), false, "poller.dense"),
        "no module matches exclude_modules entry \"poller.dense\"; nearest: bert.pooler.dense,"
            + " dense");
  }

  @Test
  void modulesSavedWholeAreNotAdapted() {
    List<String> matched =
        Targets.of("dense").match(BERT, path -> path.startsWith("bert.pooler"), HEADS);
    assertThat(matched).hasSize(6).doesNotContain("bert.pooler.dense");
  }

  @Test
  void targetsThatLeaveNothingAreRefused() {
    assertRefused(
        excluding(Targets.of("query"), false, "query"),
        "target_modules [query] leave no module to adapt: all that match are excluded, saved whole"
            + " (modules_to_save) or in other layers");
  }

  // ---- layers ----

  @Test
  void layersAreTheNumbersInThePaths() {
    assertThat(match(inLayers(Targets.of("query", "key"), Set.of(1))))
        .containsExactly(
            "bert.encoder.layer.1.attention.self.query", "bert.encoder.layer.1.attention.self.key");
  }

  @Test
  void modulesOutsideTheLayersAreLeftOut() {
    assertThat(match(inLayers(Targets.of("dense"), Set.of(0, 1))))
        .hasSize(6)
        .doesNotContain("bert.pooler.dense");
  }

  private static final List<String> EXPERTS =
      List.of(
          "model.layers.0.experts.1.up",
          "model.layers.1.experts.0.up",
          "model.towers.0.layers.1.layers.0.up");

  @Test
  void theFirstNumberCounts() {
    assertThat(inLayers(Targets.of("up"), Set.of(1)).match(EXPERTS, path -> false, Set.of()))
        .containsExactly("model.layers.1.experts.0.up");
  }

  @Test
  void embeddingsAreKnownByTheirUsualNames() {
    assertThat(Targets.of("q_proj", "model.embed_tokens").haveEmbeddings()).isTrue();
    assertThat(regex("(?P<a>lm_)head").haveEmbeddings()).isTrue();
    assertThat(Targets.of("q_proj", "my_lm_head").haveEmbeddings()).isFalse();
    assertThat(Targets.allLinear().haveEmbeddings()).isFalse();
  }

  @Test
  void theFirstNumberAfterThePatternCounts() {
    Targets targets = inLayers(Targets.of("up"), Set.of(1), "layers");
    assertThat(targets.match(EXPERTS, path -> false, Set.of()))
        .containsExactly("model.layers.1.experts.0.up", "model.towers.0.layers.1.layers.0.up");
  }

  @Test
  void thePatternsAreTriedInTheirOrder() {
    Targets targets = inLayers(Targets.of("up"), Set.of(0), "experts", "towers");
    assertThat(targets.match(EXPERTS, path -> false, Set.of()))
        .containsExactly("model.layers.1.experts.0.up", "model.towers.0.layers.1.layers.0.up");
  }

  @Test
  void everyLayerMustMatch() {
    assertRefused(
        inLayers(Targets.of("query"), Set.of(1, 2)), "no module matches layers_to_transform 2");
  }

  @Test
  void layersNeedAListOfTargets() {
    String message =
        "layers_to_transform needs target_modules as a list: put the layers into the expression";
    assertThatThrownBy(() -> inLayers(Targets.allLinear(), Set.of(1))).hasMessage(message);
    assertThatThrownBy(() -> inLayers(regex(".*query"), Set.of(1)))
        .isInstanceOf(UsageException.class)
        .hasMessage(message);
  }

  @Test
  void aPatternNeedsLayers() {
    assertThatThrownBy(
            () -> new Targets(List.of("a"), false, List.of(), false, null, List.of("layer")))
        .isInstanceOf(UsageException.class)
        .hasMessage("layers_pattern is set without layers_to_transform: name the layers");
  }

  // ---- what users type ----

  @Test
  void namesAreSeparatedByCommas() {
    assertThat(Targets.parse("query,bert.pooler.dense,q_proj"))
        .isEqualTo(Targets.of("query", "bert.pooler.dense", "q_proj"));
    assertThat(Targets.parse("all-linear")).isEqualTo(Targets.allLinear());
  }

  @Test
  void whatNoPathContainsMakesAnExpression() {
    for (String typed : List.of(".*query", "(a|b)", "layer\\.[01]\\..*", "^a$")) {
      assertThat(Targets.parse(typed)).isEqualTo(regex(typed));
    }
  }

  // ---- layers, as PEFT reads its own corners ----

  @Test
  void noLayersAreAllLayers() {
    assertThat(match(inLayers(Targets.of("query"), Set.of()))).hasSize(2);
  }

  @Test
  void anEmptyLayersPatternIsAnyPattern() {
    assertThat(match(inLayers(Targets.of("query"), Set.of(1), "")))
        .containsExactly("bert.encoder.layer.1.attention.self.query");
    assertThat(inLayers(Targets.of("query"), Set.of(1), "").layersPattern()).isEmpty();
  }

  @Test
  void aPathThatIsNamedWholeCountsWhateverItsLayer() {
    Targets targets = Targets.of("bert.encoder.layer.0.output.dense", "query");
    assertThat(match(inLayers(targets, Set.of(1))))
        .containsExactly(
            "bert.encoder.layer.0.output.dense", "bert.encoder.layer.1.attention.self.query");
  }

  // ---- what is saved beside the adapter ----

  @Test
  void embeddingsUnderTheirUsualNamesAreSavedWithTheAdapterWhereOneIsATarget() {
    List<String> adapted = List.of("model.embed_tokens", "model.layers.0.self_attn.q_proj");
    assertThat(Targets.of("embed_tokens", "q_proj").savedWithBase(adapted))
        .containsExactly("model.embed_tokens");
    assertThat(regex(".*(embed_tokens|q_proj)").savedWithBase(adapted))
        .containsExactly("model.embed_tokens");
    assertThat(Targets.of("model.embed_tokens", "q_proj").savedWithBase(adapted)).isEmpty();
    assertThat(Targets.of("word_embeddings").savedWithBase(List.of("bert.word_embeddings")))
        .isEmpty();
  }
}
