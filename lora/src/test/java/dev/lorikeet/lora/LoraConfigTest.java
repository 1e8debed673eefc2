package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraConfigTest {
  private static final String QUERY = "bert.encoder.layer.1.attention.self.query";

  private static LoraConfig read(String json) {
    try {
      return (LoraConfig)
          new LoraMethod().read((ObjectNode) new ObjectMapper().readTree(json.replace('\'', '"')));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static LoraConfig patterns(
      boolean rankStabilised, Map<String, Integer> ranks, Map<String, Double> alphas) {
    return LoraConfig.of(4, 8)
        .but()
        .targets(Targets.of("query", "value"))
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .useRslora(rankStabilised)
        .build();
  }

  // ---- values ----

  @Test
  void aRankThatNoLayerHasIsRefused() {
    assertThatThrownBy(() -> LoraConfig.of(100_001, 8))
        .isInstanceOf(UsageException.class)
        .hasMessage("r is 100001: a rank must be at most 100000");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'r': 0} | r is 0: a rank must be at least 1",
        "{'lora_alpha': 0} | lora_alpha is 0.0: it must be above 0",
        "{'lora_alpha': -2} | lora_alpha is -2.0: it must be above 0",
        "{'alpha_pattern': {'query': -1}} | alpha_pattern query is -1.0: it must be above 0",
        "{'lora_dropout': 1} | lora_dropout is 1.0: it must be at least 0 and below 1",
        "{'lora_dropout': -0.1} | lora_dropout is -0.1: it must be at least 0 and below 1",
        "{'rank_pattern': {'query': 0}} | rank_pattern query is 0: a rank must be at least 1",
        "{'bias': 'some'} | unknown bias \"some\": use none, all, lora_only",
        "{'init_lora_weights': 'corda'} | init_lora_weights \"corda\" is not supported: use true,"
            + " false, gaussian, orthogonal, olora, pissa, pissa_niter_N, loftq or eva",
        "{'lora_bias': true, 'use_dora': true} | lora_bias does not go with use_dora: choose one of"
            + " them",
        "{'lora_bias': true, 'init_lora_weights': 'pissa'} | lora_bias goes with init_lora_weights"
            + " true or false only, not with pissa"
      })
  void settingsThatMakeNoSenseAreRefused(String json, String message) {
    String singleQuoted = json.replace("''", "'");
    assertThatThrownBy(() -> read(singleQuoted))
        .isInstanceOf(UsageException.class)
        .hasMessage(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"target_parameters", "layer_replication", "use_qalora"})
  void settingsOfOtherArithmeticAreRefused(String key) {
    assertThatThrownBy(() -> read("{'" + key + "': true}"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "adapter_config.json: "
                + key
                + " is true, which is not supported: the adapter would compute something else");
    assertThat(read("{'" + key + "': false}")).isEqualTo(read("{}"));
    assertThat(read("{'" + key + "': null}")).isEqualTo(read("{}"));
  }

  @Test
  void absentSettingsArePeftsDefaults() {
    assertThat(read("{}")).isEqualTo(LoraConfig.of(8, 8).but().targets(Targets.of()).build());
  }

  @Test
  void whatIsWrittenIsReadAgain() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    ranks.put("self.value", 2);
    ranks.put("layer\\.1\\..*", 6);
    LoraConfig config =
        LoraConfig.of(3, 4.5)
            .but()
            .loraDropout(0.05)
            .targets(Targets.of("query", "value"))
            .rankPattern(ranks)
            .alphaPattern(Map.of("value", 32.0))
            .bias(Bias.LORA_ONLY)
            .modulesToSave(List.of("classifier"))
            .useRslora(true)
            .init(LoraInit.GAUSSIAN)
            .build();
    assertThat(new LoraMethod().read(config.json())).isEqualTo(config);
    // Whole numbers without a point, as Python writes an int.
    assertThat(config.json().toString()).contains("\"lora_alpha\":4.5", "{\"value\":32}");
  }

  @Test
  void collectionsAreCopied() {
    Map<String, Integer> ranks = new LinkedHashMap<>(Map.of("query", 2));
    LoraConfig config = patterns(false, ranks, Map.of());
    ranks.put("query", 9);
    assertThat(config.rank(QUERY)).isEqualTo(2);
  }

  // ---- ranks and scaling ----

  @Test
  void theUpdateIsScaledByAlphaOverTheRank() {
    assertThat(patterns(false, Map.of(), Map.of()).scaling(QUERY)).isEqualTo(2);
    assertThat(patterns(true, Map.of(), Map.of()).scaling(QUERY)).isEqualTo(4);
  }

  @Test
  void patternsChangeRankAndAlphaWhereTheyMatch() {
    LoraConfig config = patterns(false, Map.of("query", 2), Map.of("value", 32.0));
    assertThat(config.rank(QUERY)).isEqualTo(2);
    assertThat(config.scaling(QUERY)).isEqualTo(8 / 2.0);
    assertThat(config.rank(QUERY.replace("query", "value"))).isEqualTo(4);
    assertThat(config.scaling(QUERY.replace("query", "value"))).isEqualTo(32 / 4.0);
    LoraConfig stabilised = patterns(true, Map.of("query", 2), Map.of("query", 3.0));
    assertThat(stabilised.scaling(QUERY)).isEqualTo(3 / Math.sqrt(2), within(1e-15));
  }

  @Test
  void aPatternMatchesAWholePathOrWhatFollowsADot() {
    for (String key :
        List.of("query", "self.query", "layer\\.1\\..*", "que.y", QUERY, "ab|query")) {
      assertThat(patterns(false, Map.of(key, 2), Map.of()).rank(QUERY)).as(key).isEqualTo(2);
    }
    for (String key : List.of("uery", "quer", "layer\\.1", "self")) {
      assertThat(patterns(false, Map.of(key, 2), Map.of()).rank(QUERY)).as(key).isEqualTo(4);
    }
  }

  @Test
  void theFirstPatternThatMatchesCounts() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    ranks.put("layer\\.1\\..*", 6);
    ranks.put("query", 2);
    LoraConfig config = patterns(false, ranks, Map.of());
    assertThat(config.rank(QUERY)).isEqualTo(6);
    assertThat(config.rank(QUERY.replace("layer.1", "layer.0"))).isEqualTo(2);
  }

  @Test
  void everyPatternMustMatchAnAdaptedLayer() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThatThrownBy(
              () -> Adapter.attach(model, patterns(false, Map.of("key", 2), Map.of()), 1))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith("no module matches rank_pattern entry \"key\"; nearest: ");
      assertThatThrownBy(
              () -> Adapter.attach(model, patterns(false, Map.of(), Map.of("valeu", 2.0)), 1))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith(
              "no module matches alpha_pattern entry \"valeu\"; nearest: value");
    }
  }

  // ---- initialisation ----

  @ParameterizedTest
  @CsvSource({"true, 0.1767766952966369, 0.10206207261596575", "gaussian, 10, 0.25"})
  void aStartsAsPeftStartsIt(String init, double bound, double deviation) {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      LoraConfig config =
          read("{'r': 4, 'target_modules': ['query'], 'init_lora_weights': '" + init + "'}");
      Map<String, Parameter> layer =
          Objects.requireNonNull(Adapter.attach(model, config, 1).layers().get(QUERY)).parameters();
      Tensor a = Objects.requireNonNull(layer.get("lora_A.weight")).value();
      Tensor b = Objects.requireNonNull(layer.get("lora_B.weight")).value();
      // U(−1/√32, 1/√32), of deviation 1/√96; or N(0, 1/4²).
      assertThat(a.abs().max().item()).isLessThanOrEqualTo(bound * (1 + 1e-6));
      double found = Math.sqrt(a.pow(2).reshape(-1).mean(0, false).item());
      // 128 draws: a standard error of 1/√256 of the deviation; four of them.
      assertThat(found).isCloseTo(deviation, within(4 * deviation / 16));
      assertThat(b.toFloats()).containsOnly(0);
    }
  }

  @Test
  void parametersAreInTheSameOrderInEveryProcess() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, read("{'target_modules': ['query']}"), 1);
      // Gradients are clipped by a sum over them, whose last bit depends on their order.
      assertThat(adapter.layers().values())
          .allSatisfy(
              layer ->
                  assertThat(layer.parameters().keySet())
                      .containsExactly("lora_A.weight", "lora_B.weight"));
    }
  }
}
