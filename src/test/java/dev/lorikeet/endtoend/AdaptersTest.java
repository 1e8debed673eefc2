package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several adapters beside one base: who answers, alone, together, and row by row. */
@Tag("numeric")
class AdaptersTest {
  private static final Path GOLDEN = Path.of("resources/golden");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Sums of some hundred float32 terms of size 1 in another order: √100 · 2⁻²⁴ is 6e-7. */
  private static final double ROUNDED = 1e-6;

  private static final String BERT_QUERY =
      "{'peft_type': 'LORA', 'r': 3, 'lora_alpha': 5, 'target_modules': ['query', 'value']}";
  private static final String BERT_WIDE =
      "{'peft_type': 'LORA', 'r': 2, 'target_modules': ['query', 'output.dense']}";

  @TempDir Path temporary;
  private Scope scope = Scope.open();

  @BeforeEach
  void open() {
    scope.close();
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Model model(String name) {
    return Model.open(GOLDEN.resolve(name), ModelOptions.DEFAULT);
  }

  private static AdapterConfig config(String json) throws IOException {
    ObjectNode settings = (ObjectNode) JSON.readTree(json.replace('\'', '"'));
    return AdapterMethods.ofType(settings.path("peft_type").asText()).orElseThrow().read(settings);
  }

  /** An adapter that moves the logits: new ones start at zero. */
  private static Adapter random(Adapters adapters, String name, String json, long seed)
      throws IOException {
    Adapter adapter = adapters.add(name, config(json), seed);
    Torch.seed(seed);
    for (Parameter parameter : adapter.parameters().values()) {
      parameter.freeze();
      Tensor noise = Tensor.normal(0, 0.05, parameter.original().shape());
      parameter.original().setInPlace(parameter.original().add(noise));
    }
    return adapter;
  }

  /** Four rows of up to 7 tokens, padded on one side. */
  private static ModelInput input(String side) {
    int[] lengths = {7, 4, 6, 2};
    long[] ids = new long[4 * 7];
    long[] mask = new long[4 * 7];
    for (int row = 0; row < 4; row++) {
      int start = side.equals("left") ? 7 - lengths[row] : 0;
      for (int i = 0; i < lengths[row]; i++) {
        ids[row * 7 + start + i] = 5L + (row * 11 + i * 7) % 80;
        mask[row * 7 + start + i] = 1;
      }
    }
    return new ModelInput(Tensor.of(ids, 4, 7), Tensor.of(mask, 4, 7), null);
  }

  private static float[] row(Tensor logits, int row) {
    return logits.select(0, row).contiguous().toFloats();
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    double size = 1; // of the terms that were summed: T5's logits are some tens
    for (float value : expected) {
      size = Math.max(size, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) actual[i]).isEqualTo(expected[i], within(tolerance * size));
    }
  }

  private static void assertRowsAsAlone(
      Model model, Adapters adapters, ModelInput input, List<@Nullable String> rows) {
    Tensor mixed = adapters.logits(input, rows);
    for (int row = 0; row < rows.size(); row++) {
      String name = rows.get(row);
      adapters.activate(name == null ? List.of() : List.of(name));
      float[] alone = row(model.logits(input), row);
      assertClose(row(mixed, row), alone, ROUNDED);
      if (name != null) { // and the adapter does something
        adapters.activate();
        assertThat(row(model.logits(input), row)).isNotEqualTo(alone);
      }
    }
  }

  // ---- rows of different adapters ----

  @ParameterizedTest
  @CsvSource({
    "bert-classify-lora, right",
    "bert-classify-lora, left",
    "bert-tag-lora, right",
    "bert-regress-lora-all-linear, right",
    "bert-classify-dora, right",
    "bert-classify-ia3, right",
    "bert-classify-oft, right",
    "bert-classify-loha, right",
    "bert-classify-lokr, right",
    "bert-classify-vera, right",
    "bert-classify-tokens, right",
    "bert-classify-pissa, right",
    "bert-classify-lora-bias, right",
    "llama-lm-lora, right",
    "llama-lm-lora, left",
    "llama-classify-lora, right",
    "llama-lm-dora-pattern, left",
    "llama-lm-embedding-lora, left",
    "gpt2-lm-lora, right",
    "gpt2-lm-lora, left",
    "gpt2-classify-lora, right",
    "t5-seq2seq-lora, right",
    "qwen3-lm-lora, right",
    "modernbert-classify-lora, right",
  })
  void rowsOfDifferentAdaptersAreAnsweredAsByEachAlone(String golden, String side)
      throws IOException {
    try (Model model = model(golden)) {
      Adapters adapters = new Adapters(model);
      adapters.load("theirs", GOLDEN.resolve(golden).resolve("adapter"));
      random(adapters, "ours", "{'peft_type': 'LORA', 'r': 3, 'target_modules': 'all-linear'}", 5);
      ModelInput input = input(side);
      if (golden.startsWith("t5")) {
        input = input.withDecoderInputIds(Tensor.of(new long[] {0, 3, 0, 9, 0, 4, 0, 8}, 4, 2));
      }
      assertRowsAsAlone(model, adapters, input, Arrays.asList("ours", "theirs", null, "ours"));
      assertRowsAsAlone(model, adapters, input, Arrays.asList("theirs", "ours", "ours", "theirs"));
    }
  }

  @Test
  void rowsOfOneAdapterNeedNoRouting() throws IOException {
    try (Model model = model("llama-lm-prompt")) {
      Adapters adapters = new Adapters(model);
      adapters.load("prompt", GOLDEN.resolve("llama-lm-prompt/adapter"));
      ModelInput input = input("right");
      List<@Nullable String> rows = Arrays.asList("prompt", "prompt", "prompt", "prompt");
      assertRowsAsAlone(model, adapters, input, rows);
      assertThatThrownBy(() -> adapters.logits(input, Arrays.asList("prompt", null, null, null)))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "adapter prompt cannot answer single rows of a batch: PROMPT_TUNING changes what all"
                  + " rows read; give its rows a batch of their own");
    }
  }

  @Test
  void whatRowsShareIsRefused() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      adapters.add("norms", config("{'peft_type': 'LN_TUNING'}"), 1);
      adapters.add(
          "positions",
          config("{'peft_type': 'LORA', 'target_modules': ['position_embeddings']}"),
          1);
      ModelInput input = input("right");
      assertThatThrownBy(() -> adapters.logits(input, Arrays.asList("norms", null, null, null)))
          .hasMessage(
              "adapter norms cannot answer single rows of a batch: it trains"
                  + " bert.embeddings.LayerNorm.weight, which all rows share; give its rows a batch"
                  + " of their own");
      assertThatThrownBy(() -> adapters.logits(input, Arrays.asList("positions", null, null, null)))
          .hasMessage(
              "adapter positions cannot answer single rows of a batch: it adapts"
                  + " bert.embeddings.position_embeddings, which all rows may share; give its rows"
                  + " a batch of their own");
      assertThatThrownBy(() -> adapters.logits(input, Arrays.asList("norms", null)))
          .isInstanceOf(UsageException.class)
          .hasMessage("2 names of adapters for 4 rows: give one a row");
    }
    try (Model model = model("debertav3-classify-lora")) {
      Adapters adapters = new Adapters(model);
      adapters.load("a", GOLDEN.resolve("debertav3-classify-lora/adapter"));
      float[] before = model.logits(input("right")).toFloats();
      assertThatThrownBy(
              () -> adapters.logits(input("right"), Arrays.asList("a", null, null, null)))
          .hasMessageContaining("the model has values there that all rows share");
      assertThat(model.logits(input("right")).toFloats()).isEqualTo(before);
    }
  }

  // ---- several at once ----

  @Test
  void updatesOfSeveralActiveAdaptersAreAdded() throws IOException {
    try (Model model = model("llama-lm-lora")) {
      Adapters adapters = new Adapters(model);
      String json = "{'peft_type': '%s', 'r': 2, 'target_modules': ['q_proj', 'down_proj']}";
      Map<String, Tensor> weights = new LinkedHashMap<>();
      for (String type : List.of("LORA", "LOHA", "VERA")) {
        random(adapters, type, json.formatted(type), type.hashCode());
        adapters.activate(type);
        adapters.merge(); // the reference: W + ΔW of each
        model.parameters().values().stream()
            .filter(p -> p.value() != p.original())
            .forEach(
                p -> weights.merge(p.name(), p.value().sub(p.original()), (sum, d) -> sum.add(d)));
        adapters.unmerge();
      }
      assertThat(weights).hasSize(4);
      ModelInput input = input("right");
      adapters.activate("LORA", "LOHA", "VERA");
      float[] together = model.logits(input).toFloats();
      adapters.merge();
      float[] merged = model.logits(input).toFloats();
      adapters.activate();
      weights.forEach(
          (name, update) -> {
            Parameter parameter = java.util.Objects.requireNonNull(model.parameters().get(name));
            parameter.substitute(
                new Parameter(name, parameter.original().add(update), model.weightScope()));
          });
      float[] expected = model.logits(input).toFloats();
      // Weights and outputs are rounded in other places: some 2⁻²⁴ of logits of size 1, a layer.
      assertClose(together, expected, 5e-6);
      assertClose(merged, expected, 5e-6);
    }
  }

  @Test
  void adaptersThatMakeNoSumAreRefused() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      adapters.add("a", config(BERT_QUERY), 1);
      adapters.add("b", config(BERT_QUERY), 2);
      adapters.activate("a");
      assertThatThrownBy(() -> adapters.activate("a", "b"))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "adapters a and b cannot be active at once: of classifier.weight a (trains it whole)"
                  + " and b (trains it whole) make no sum: activate one of them");
      assertThat(adapters.active()).containsExactly("a");
    }
    try (Model model = model("llama-lm-lora")) {
      Adapters adapters = new Adapters(model);
      String json = "{'peft_type': 'LORA', 'target_modules': ['q_proj'], 'use_dora': %s}";
      adapters.add("dora", config(json.formatted("true")), 1);
      adapters.add("lora", config(json.formatted("false")), 2);
      adapters.add("prompt", config("{'peft_type': 'PROMPT_TUNING', 'num_virtual_tokens': 2}"), 3);
      assertThatThrownBy(() -> adapters.activate("dora", "lora"))
          .hasMessage(
              "adapters dora and lora cannot be active at once: of"
                  + " model.layers.0.self_attn.q_proj.weight dora (LORA does not add) and lora"
                  + " (LORA adds to it) make no sum: activate one of them");
      assertThatThrownBy(() -> adapters.activate("lora", "prompt"))
          .hasMessage(
              "adapter prompt: PROMPT_TUNING changes what the model reads, and cannot be active"
                  + " together with others: activate it alone");
    }
  }

  // ---- life ----

  @Test
  void adaptersAreExchangedAndTheBaseComesBack() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      ModelInput input = input("right");
      float[] base = model.logits(input).toFloats();
      Adapters adapters = new Adapters(model);
      random(adapters, "a", BERT_QUERY, 1);
      assertThat(model.logits(input).toFloats()).isEqualTo(base); // added, not active
      random(adapters, "b", BERT_WIDE, 2);
      adapters.activate("a");
      float[] a = model.logits(input).toFloats();
      adapters.activate("b");
      float[] b = model.logits(input).toFloats();
      assertThat(b).isNotEqualTo(a);
      try (Adapters.Pause outer = adapters.disable();
          Adapters.Pause inner = adapters.disable()) {
        assertThat(model.logits(input).toFloats()).isEqualTo(base);
        adapters.activate("a");
        assertThat(model.logits(input).toFloats()).isEqualTo(base);
      }
      assertThat(model.logits(input).toFloats()).isEqualTo(a);

      adapters.rename("a", "first");
      assertThat(adapters.names()).containsExactly("first", "b");
      assertThat(adapters.active()).containsExactly("first");
      adapters.delete("b");
      assertThat(model.logits(input).toFloats()).isEqualTo(a);
      adapters.delete("first");
      assertThat(adapters.active()).isEmpty();
      assertThat(model.logits(input).toFloats()).isEqualTo(base);
    }
  }

  @Test
  void newAdaptersStartFromTheBaseWhateverIsActive() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      random(adapters, "a", BERT_QUERY, 1);
      adapters.activate("a");
      Adapter b = adapters.add("b", config(BERT_QUERY), 2);
      Parameter head =
          java.util.Objects.requireNonNull(
              b.parameters().get("base_model.model.classifier.weight"));
      Parameter base =
          java.util.Objects.requireNonNull(model.parameters().get("classifier.weight"));
      assertThat(head.value().toFloats()).isEqualTo(base.original().toFloats());
    }
  }

  @Test
  void mergesAreTakenBackToTheByte() throws IOException {
    try (Model model = model("llama-lm-lora")) {
      ModelInput input = input("right");
      float[] base = model.logits(input).toFloats();
      Adapters adapters = new Adapters(model);
      random(adapters, "a", "{'peft_type': 'LORA', 'target_modules': ['q_proj']}", 1);
      random(adapters, "b", "{'peft_type': 'LORA', 'target_modules': ['q_proj', 'v_proj']}", 2);
      adapters.activate("a", "b");
      float[] beside = model.logits(input).toFloats();
      adapters.merge();
      assertThat(adapters.isMerged()).isTrue();
      assertClose(model.logits(input).toFloats(), beside, 5e-6);
      assertThatThrownBy(() -> adapters.logits(input, Arrays.asList("a", "b", null, null)))
          .hasMessage("adapters a, b are merged into the base: unmerge them first");
      assertThatThrownBy(() -> adapters.add("c", config(BERT_QUERY), 1))
          .hasMessage("adapters a, b are merged into the base: unmerge them first");
      adapters.activate("b"); // takes the merge back
      assertThat(adapters.isMerged()).isFalse();
      adapters.activate("a", "b");
      assertThat(model.logits(input).toFloats()).isEqualTo(beside);
      adapters.activate();
      assertThat(model.logits(input).toFloats()).isEqualTo(base);
    }
  }

  @Test
  void adaptersAreSavedAndLoadedAsPeftLaysThemOut() throws IOException {
    ModelInput input = input("right");
    List<@Nullable String> rows = Arrays.asList("default", "other", null, "default");
    float[] expected;
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      random(adapters, "default", BERT_QUERY, 1);
      random(adapters, "other", BERT_WIDE, 2);
      expected = adapters.logits(input, rows).toFloats();
      adapters.save(JsonNodeFactory.instance.objectNode(), temporary);
    }
    assertThat(temporary.resolve("adapter_config.json")).exists();
    assertThat(temporary.resolve("adapter_model.safetensors")).exists();
    assertThat(temporary.resolve("other/adapter_config.json")).exists();
    assertThat(temporary.resolve("other/adapter_model.safetensors")).exists();
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      adapters.loadAll(temporary);
      assertThat(adapters.names()).containsExactly("default", "other");
      assertThat(adapters.logits(input, rows).toFloats()).isEqualTo(expected);
    }
    Path empty = Files.createDirectory(temporary.resolve("empty"));
    try (Model model = model("bert-classify-lora")) {
      assertThatThrownBy(() -> new Adapters(model).loadAll(empty))
          .hasMessage(empty + " has no adapter_config.json, nor has a folder in it: give adapters");
    }
  }

  // ---- errors ----

  @Test
  void namesThatAreUnknownTakenOrNoneAreErrors() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      assertThatThrownBy(() -> adapters.activate("a"))
          .isInstanceOf(UsageException.class)
          .hasMessage("no adapter is called \"a\"; there are none");
      adapters.add("a", config(BERT_QUERY), 1);
      adapters.add("b", config(BERT_QUERY), 1);
      for (Runnable asking :
          List.<Runnable>of(
              () -> adapters.activate("a", "c"),
              () -> adapters.get("c"),
              () -> adapters.delete("c"),
              () -> adapters.rename("c", "d"),
              () -> adapters.logits(input("right"), Arrays.asList("a", "b", "c", null)))) {
        assertThatThrownBy(asking::run)
            .isInstanceOf(UsageException.class)
            .hasMessage("no adapter is called \"c\"; there are a, b");
      }
      assertThatThrownBy(() -> adapters.add("a", config(BERT_QUERY), 1))
          .isInstanceOf(UsageException.class)
          .hasMessage("an adapter is called \"a\" already; there are a, b: choose another");
      assertThatThrownBy(() -> adapters.rename("a", "b"))
          .hasMessage("an adapter is called \"b\" already; there are a, b: choose another");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a.b", "../a", "a b", "__base__"})
  void namesMustServeAsFoldersAndInPeft(String name) throws IOException {
    try (Model model = model("bert-classify-lora")) {
      AdapterConfig config = config(BERT_QUERY);
      assertThatThrownBy(() -> new Adapters(model).add(name, config, 1))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith("\"" + name + "\" cannot name an adapter: use letters, digits");
    }
  }

  @Test
  void anAdapterOfASetIsNotSwitchedByItselfNorBesideAnother() throws IOException {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      Adapter a = adapters.add("a", config(BERT_QUERY), 1);
      for (Runnable life :
          List.<Runnable>of(a::enable, a::disable, a::merge, a::unmerge, a::remove)) {
        assertThatThrownBy(life::run)
            .isInstanceOf(LorikeetException.class)
            .hasMessage("the adapter is one of a set, which decides who answers: use its Adapters");
      }
      Adapter lone = Adapter.attach(model, config(BERT_WIDE), 1);
      float[] logits = model.logits(input("right")).toFloats();
      assertThatThrownBy(() -> adapters.activate("a"))
          .hasMessageContaining("has an adapter already");
      assertThat(model.logits(input("right")).toFloats()).isEqualTo(logits);
      lone.remove();
      adapters.activate("a");
    }
  }
}
