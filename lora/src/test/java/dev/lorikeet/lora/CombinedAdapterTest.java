package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.lora.CombinedAdapter.Weighted;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Adapters of every kind made into one, beside the same adapters merged one over the other. */
@Tag("numeric")
class CombinedAdapterTest {
  private static final Combination CAT = Combination.of(CombinationType.CAT);

  /** Logits below 10 of sums of some dozen terms, in another order, with roundings of 6e-8 each. */
  private static final double ROUNDING = 4e-5;

  @TempDir private Path folder;

  /** A folder holds one combination: an older one is not replaced unasked. */
  private int combinations;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** A folder with an adapter of the masked language model that is not at its initial values. */
  private AdapterFolder adapter(String name, AdapterConfig config) throws IOException {
    Path written = Files.createDirectory(folder.resolve(name));
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      Adapter adapter = Adapter.attach(model, config, 1);
      Torch.seed(name.hashCode());
      for (Parameter parameter : adapter.parameters().values()) {
        parameter.original().setInPlace(Tensor.normal(0, 0.2, parameter.original().shape()));
      }
      AdapterFolder.write(adapter, JsonNodeFactory.instance.objectNode(), written);
    }
    return AdapterFolder.open(written);
  }

  private static LoraConfig.Builder lora(int r, double alpha, String... targets) {
    return LoraConfig.of(r, alpha).but().targets(Targets.of(targets));
  }

  private AdapterFolder combined(Combination how, Weighted... adapters) {
    Path output = folder.resolve("combined" + combinations++);
    CombinedAdapter.of(how, List.of(adapters)).write(output, beside -> {});
    return AdapterFolder.open(output);
  }

  private static Tensor logits(AdapterFolder... merged) {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      for (AdapterFolder adapter : merged) {
        adapter.attachTo(model).merge();
      }
      return TinyBert.logits(model).copy();
    }
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  @Test
  void catOfTwoIsOneMergedOverTheOther() throws IOException {
    AdapterFolder one =
        adapter(
            "one",
            lora(4, 6, "query", "output.dense")
                .useRslora(true)
                .rankPattern(Map.of("layer.1.attention.self.query", 2))
                .alphaPattern(Map.of("output.dense", 3.0))
                .build());
    AdapterFolder two =
        adapter("two", lora(3, 5, "query", "word_embeddings").loraDropout(0.25).build());
    AdapterFolder both = combined(CAT, new Weighted(one, 1), new Weighted(two, 1));
    assertThat(difference(logits(one, two), logits())).isGreaterThan(0.1);
    assertThat(difference(logits(both), logits(one, two))).isLessThan(ROUNDING);
    LoraConfig config = (LoraConfig) both.config();
    assertThat(config.useRslora()).isFalse();
    assertThat(config.targets().modules())
        .containsExactly("query", "output.dense", "word_embeddings");
    assertThat(config.rank("bert.encoder.layer.0.attention.self.query")).isEqualTo(7);
    assertThat(config.rank("bert.encoder.layer.1.attention.self.query")).isEqualTo(5);
    assertThat(config.rank("bert.embeddings.word_embeddings")).isEqualTo(3);
  }

  @Test
  void svdOfFullRankIsOneMergedOverTheOther() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").useRslora(true).build());
    AdapterFolder two = adapter("two", lora(3, 5, "value", "query", "word_embeddings").build());
    Combination svd = new Combination(CombinationType.SVD, 32, null, null, 0);
    AdapterFolder both = combined(svd, new Weighted(one, 1), new Weighted(two, 1));
    assertThat(difference(logits(both), logits(one, two))).isLessThan(ROUNDING);
  }

  /** What only some adapters have is not taken for something that the others disagree with. */
  @Test
  void anAdaptersOwnLayersAreItsOwn() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").build());
    AdapterFolder two = adapter("two", lora(4, 6, "value").build());
    Combination ties = new Combination(CombinationType.TIES, null, 1.0, null, 0);
    for (Combination how : List.of(Combination.of(CombinationType.LINEAR), ties)) {
      AdapterFolder both = combined(how, new Weighted(one, 1), new Weighted(two, 1));
      assertThat(difference(logits(both), logits(one, two))).isLessThan(ROUNDING);
    }
  }

  @Test
  void aNegativeWeightTakesAnAdapterBack() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query", "word_embeddings").build());
    AdapterFolder less = combined(CAT, new Weighted(one, -1));
    assertThat(difference(logits(one, less), logits())).isLessThan(ROUNDING);
    assertThat(difference(logits(less), logits())).isGreaterThan(0.1);
    Combination linear = Combination.of(CombinationType.LINEAR);
    assertThat(difference(logits(combined(linear, new Weighted(one, -1))), logits(less)))
        .isLessThan(ROUNDING);
  }

  @Test
  void targetsThatAreSaidInDifferentWaysBecomePaths() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").build());
    LoraConfig narrowed =
        lora(4, 6)
            .targets(new Targets(List.of("value"), false, List.of(), false, Set.of(1), List.of()))
            .build();
    AdapterFolder two = adapter("two", narrowed);
    AdapterFolder three =
        adapter("three", lora(4, 6).targets(Targets.parse(".*layer\\.0.*\\.(key|value)")).build());
    AdapterFolder all =
        combined(CAT, new Weighted(one, 1), new Weighted(two, 1), new Weighted(three, 1));
    String layer = "bert.encoder.layer.%d.attention.self.%s";
    assertThat(all.config().targets())
        .isEqualTo(
            Targets.of(
                String.format(layer, 0, "key"),
                String.format(layer, 0, "query"),
                String.format(layer, 0, "value"),
                String.format(layer, 1, "query"),
                String.format(layer, 1, "value")));
    assertThat(difference(logits(all), logits(one, two, three))).isLessThan(ROUNDING);
  }

  @Test
  void expressionsAreJoined() throws IOException {
    AdapterFolder one =
        adapter("one", lora(4, 6).targets(Targets.parse(".*layer\\.0.*\\.query")).build());
    AdapterFolder two =
        adapter("two", lora(4, 6).targets(Targets.parse(".*layer\\.[01].*\\.value")).build());
    AdapterFolder both = combined(CAT, new Weighted(one, 1), new Weighted(two, 1));
    assertThat(both.json().path("target_modules").asText())
        .isEqualTo("(.*layer\\.0.*\\.query)|(.*layer\\.[01].*\\.value)");
    assertThat(difference(logits(both), logits(one, two))).isLessThan(ROUNDING);
  }

  @Test
  void adaptersInHalfPrecisionAreCombinedInFloat32() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").build());
    Path half = Files.createDirectory(folder.resolve("half"));
    Files.copy(one.folder().resolve(AdapterFolder.CONFIG), half.resolve(AdapterFolder.CONFIG));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    one.weights()
        .names()
        .forEach(name -> tensors.put(name, one.weights().tensor(name).to(DType.BFLOAT16)));
    Safetensors.write(half.resolve(AdapterFolder.WEIGHTS), tensors, Map.of());
    AdapterFolder rounded = AdapterFolder.open(half);
    AdapterFolder both = combined(CAT, new Weighted(one, 0.5), new Weighted(rounded, 0.5));
    for (String name : both.weights().names()) {
      assertThat(both.weights().entry(name).dtype()).isEqualTo(DType.FLOAT32);
    }
    // Half of each is within half a rounding to 8 binary places of the first.
    assertThat(difference(logits(both), logits(one))).isBetween(1e-6, 2e-2);
  }

  @Test
  void aModuleThatOneAdapterSavedIsKeptAndTwoMustHaveTheSame() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").build());
    AdapterFolder head =
        adapter("head", lora(4, 6, "query").modulesToSave(List.of("transform")).build());
    AdapterFolder other =
        adapter("other", lora(4, 6, "query").modulesToSave(List.of("transform")).build());
    AdapterFolder both = combined(CAT, new Weighted(one, 1), new Weighted(head, 0.5));
    assertThat(both.config().modulesToSave()).containsExactly("transform");
    String name =
        head.weights().names().stream()
            .filter(tensor -> tensor.endsWith("transform.dense.weight"))
            .findFirst()
            .orElseThrow();
    assertThat(both.weights().tensor(name).sameAs(head.weights().tensor(name))).isTrue();
    logits(both);
    combined(CAT, new Weighted(head, 1), new Weighted(head, 1));
    assertThatThrownBy(() -> combined(CAT, new Weighted(head, 1), new Weighted(other, 1)))
        .isInstanceOf(LorikeetException.class)
        .hasMessageMatching(
            ".*transform.* is saved whole by .*head and, with other values, by .*other: such"
                + " modules cannot be weighted; combine adapters that share them");
  }

  static Stream<Arguments> refused() {
    LoraConfig.Builder plain = lora(4, 6, "query");
    return Stream.of(
        Arguments.of(
            lora(4, 6, "query").useDora(true).build(),
            "use_dora is true, and lengths of weights cannot be added without the weights"),
        Arguments.of(
            lora(4, 6, "query").loraBias(true).build(),
            "lora_bias is true, and a bias has no share in the product of A and B"),
        Arguments.of(
            lora(4, 6, "query").bias(Bias.LORA_ONLY).build(),
            "bias is lora_only, and trained biases are no differences to the base"),
        Arguments.of(
            plain.build().but().bias(Bias.ALL).build(),
            "bias is all, and trained biases are no differences to the base"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void whatIsMoreThanAnUpdateIsRefused(LoraConfig config, String reason) throws IOException {
    AdapterFolder one = adapter("one", config);
    assertThatThrownBy(() -> combined(CAT, new Weighted(one, 1)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            one.folder()
                + " cannot be combined: "
                + reason
                + ": merge such adapters into the base one after the other");
    assertThat(folder.resolve("combined0")).doesNotExist();
  }

  @Test
  void trainedTokensAreRefused() throws IOException {
    Path output = Files.createDirectory(folder.resolve("tokens"));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      LoraConfig config =
          lora(4, 6, "query").trainableTokens(TrainableTokens.of(List.of(3))).build();
      AdapterFolder.write(
          Adapter.attach(model, config, 1), JsonNodeFactory.instance.objectNode(), output);
    }
    AdapterFolder tokens = AdapterFolder.open(output);
    assertThatThrownBy(() -> combined(CAT, new Weighted(tokens, 1)))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining("trainable_token_indices are set");
  }

  @Test
  void startsThatWereTakenOutOfTheBaseAreNoReasonOnceSaved() throws IOException {
    AdapterFolder pissa = adapter("pissa", lora(4, 6, "query").init(LoraInit.of("pissa")).build());
    AdapterFolder same = combined(CAT, new Weighted(pissa, 1));
    assertThat(difference(logits(same), logits(pissa))).isLessThan(ROUNDING);
  }

  @Test
  void anUpdateThatIsNotFiniteIsRefused() throws IOException {
    AdapterFolder one = adapter("one", lora(4, 6, "query").build());
    assertThatThrownBy(() -> combined(CAT, new Weighted(one, 1e39)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "bert.encoder.layer.0.attention.self.query: the combination has NaN or infinite"
                + " elements; nothing was written");
    assertThat(folder.resolve("combined0")).doesNotExist();
  }
}
