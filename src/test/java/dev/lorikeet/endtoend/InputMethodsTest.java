package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Generator;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Methods that change what a model reads, and those that train parts of it. */
@Tag("numeric")
class InputMethodsTest {
  private static final Path GOLDEN = Path.of("resources/golden");
  private static final Path LLAMA = GOLDEN.resolve("llama-lm-prompt");
  private static final Path BERT = GOLDEN.resolve("bert-classify-vera");

  private static final String PROMPT =
      "{'peft_type': 'PROMPT_TUNING', 'num_virtual_tokens': 3,"
          + " 'prompt_tuning_init': 'SAMPLE_VOCAB'}";
  private static final String MLP = "{'peft_type': 'P_TUNING', 'num_virtual_tokens': 3}";
  private static final String LSTM =
      "{'peft_type': 'P_TUNING', 'num_virtual_tokens': 3, 'encoder_hidden_size': 6,"
          + " 'encoder_reparameterization_type': 'LSTM', 'encoder_num_layers': 2}";
  private static final String PREFIX = "{'peft_type': 'PREFIX_TUNING', 'num_virtual_tokens': 3}";
  private static final String PROJECTED =
      "{'peft_type': 'PREFIX_TUNING', 'num_virtual_tokens': 3, 'prefix_projection': true}";

  @TempDir Path temporary;
  private Scope scope;

  @BeforeEach
  void openScope() {
    scope = Scope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  private static AdapterConfig config(String json) {
    try {
      ObjectNode settings = (ObjectNode) new ObjectMapper().readTree(json.replace('\'', '"'));
      return AdapterMethods.ofType(settings.path("peft_type").asText())
          .orElseThrow()
          .read(settings);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static Model llama() {
    return Model.open(LLAMA, ModelOptions.DEFAULT.withHead(HeadType.CAUSAL_LM, List.of()));
  }

  /** Two texts, the second padded on the right. */
  private static ModelInput input() {
    return new ModelInput(
        Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 0}, 2, 4),
        Tensor.of(new long[] {1, 1, 1, 1, 1, 1, 1, 0}, 2, 4),
        null);
  }

  @ParameterizedTest
  @ValueSource(strings = {PROMPT, MLP, LSTM, PREFIX, PROJECTED})
  void filesHoldTheVectorsAloneAndAnswerAsTheAdapterDid(String method) throws IOException {
    try (Model model = llama();
        Model fresh = llama()) {
      Tensor base = model.logits(input());
      Adapter adapter = Adapter.attach(model, config(method), 4);
      Tensor adapted = model.logits(input());
      AdapterFolder.write(adapter, new ObjectMapper().createObjectNode(), temporary);
      assertThat(Safetensors.open(temporary.resolve(AdapterFolder.WEIGHTS)).names())
          .containsExactly("prompt_embeddings");
      Adapter reloaded = AdapterFolder.open(temporary).attachTo(fresh);
      assertThat(reloaded.virtualTokens()).isEqualTo(3);
      assertThat(fresh.logits(input()).sameAs(adapted)).isTrue();
      adapter.disable();
      assertThat(model.logits(input()).sameAs(base)).isTrue();
      adapter.enable();
      assertThat(model.logits(input()).sameAs(adapted)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {PROMPT, MLP, LSTM, PREFIX, PROJECTED})
  void everyParameterGetsAGradientAndNothingElseDoes(String method) {
    try (Model model = llama();
        GradMode on = GradMode.enabled()) {
      Adapter adapter = Adapter.attach(model, config(method), 4);
      Tensor logits = model.logits(input());
      Tensor loss = logits.pow(2).sum();
      List<Tensor> leaves =
          adapter.parameters().values().stream().map(Parameter::original).toList();
      assertThat(Ops.grad(loss, leaves))
          .allSatisfy(gradient -> assertThat(gradient.norm().item()).isPositive());
      assertThat(model.parameters().values())
          .noneMatch(parameter -> parameter.original().requiresGrad());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {PROMPT, PREFIX})
  void continuationsAreTheSameWithAndWithoutACacheAndPadding(String method) {
    try (Model model = llama()) {
      Adapter.attach(model, config(method), 4).freeze();
      GenerationConfig greedy = GenerationConfig.GREEDY.withMaxNewTokens(6);
      List<int[]> prompts = List.of(new int[] {5, 61, 7, 9}, new int[] {80, 33});
      List<int[]> cached = generate(model, greedy.withCache(true), prompts);
      List<int[]> whole = generate(model, greedy.withCache(false), prompts);
      for (int i = 0; i < prompts.size(); i++) {
        assertThat(cached.get(i)).isEqualTo(whole.get(i));
        assertThat(generate(model, greedy.withCache(true), List.of(prompts.get(i))).get(0))
            .isEqualTo(cached.get(i));
      }
    }
  }

  private static List<int[]> generate(Model model, GenerationConfig config, List<int[]> prompts) {
    return new Generator(model, config).generate(prompts, (row, token) -> true);
  }

  @Test
  void virtualTokensCannotBeMerged() {
    try (Model model = llama()) {
      Adapter adapter = Adapter.attach(model, config(PREFIX), 4);
      assertThatThrownBy(adapter::merge)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "PREFIX_TUNING changes what the model reads, not its weights, and cannot be merged"
                  + " into them: keep the adapter beside the base");
      assertThatThrownBy(() -> Adapter.attach(model, config(PROMPT), 4))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "the model reads virtual tokens of another adapter already: disable that one first");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "PREFIX, token_dim, 16, 32",
    "PREFIX, num_layers, 3, 2",
    "PREFIX, num_attention_heads, 2, 4",
    "PROMPT, token_dim, 64, 32"
  })
  void sizesOfAnotherModelAreRefused(String method, String key, int said, int models) {
    String json = (method.equals("PREFIX") ? PREFIX : PROMPT).replaceFirst("[}]$", "");
    try (Model model = Model.open(BERT, ModelOptions.DEFAULT)) {
      assertThatThrownBy(
              () -> Adapter.attach(model, config(json + ", '" + key + "': " + said + "}"), 4))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "%s is %d, and the model's is %d: the adapter is another model's", key, said, models);
    }
  }

  @Test
  void normsAreTrainedAsCopiesAndMerged() throws IOException {
    try (Model model = Model.open(BERT, ModelOptions.DEFAULT);
        Model fresh = Model.open(BERT, ModelOptions.DEFAULT)) {
      Tensor base = model.logits(input());
      Adapter adapter = Adapter.attach(model, config("{'peft_type': 'LN_TUNING'}"), 4);
      assertThat(model.logits(input()).sameAs(base)).isTrue();
      // Five norms of 32 weights and biases, and a head of 3 · 32 + 3.
      assertThat(Model.count(adapter.parameters().values())).isEqualTo(5 * 64 + 99);
      assertThat(adapter.parameters())
          .containsKey(
              "base_model.model.bert.encoder.layer.1.output.LayerNorm.ln_tuning_layers.weight");
      adapter.parameters().values().forEach(p -> p.original().addInPlace(p.original(), 0.3));
      Tensor adapted = model.logits(input());
      AdapterFolder.write(adapter, new ObjectMapper().createObjectNode(), temporary);
      Adapter reloaded = AdapterFolder.open(temporary).attachTo(fresh);
      assertThat(fresh.logits(input()).sameAs(adapted)).isTrue();
      reloaded.merge();
      assertThat(reloaded.isMerged()).isTrue();
      assertThat(fresh.logits(input()).sameAs(adapted)).isTrue();
      reloaded.disable();
      assertThat(fresh.logits(input()).sameAs(base)).isTrue();
    }
  }

  /** The recorded ones are PEFT's, of a torch.Generator seeded with 7. */
  @Test
  void veraDrawsTheSameProjectionsAsPeft() throws IOException {
    AdapterFolder recorded = AdapterFolder.open(BERT.resolve("adapter"));
    try (Model model = Model.open(BERT, ModelOptions.DEFAULT)) {
      AdapterFolder.write(Adapter.attach(model, recorded.config(), 4), recorded.json(), temporary);
    }
    Safetensors drawn = Safetensors.open(temporary.resolve(AdapterFolder.WEIGHTS));
    for (String name : List.of("base_model.vera_A", "base_model.vera_B")) {
      // A draw u is scaled to 2bu - b, with one rounding where the CPU multiplies and adds in one
      // step and with two where it does not; numbers here are below 1, whose roundings are 6e-8.
      assertThat(drawn.tensor(name).toFloats())
          .as(name)
          .containsExactly(recorded.weights().tensor(name).toFloats(), Offset.offset(1.2e-7f));
    }
  }
}
