package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.training.Loss;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One LoRA update for an embedding and the output weights that are tied to it ({@code
 * ensure_weight_tying}), against what PEFT 0.21 trained.
 */
@Tag("numeric")
class TiedUpdatesTest {
  private static final Path FOUND = Path.of("resources/cases/tied-embedding-lora");
  private static final Path LLAMA = Path.of("resources/cases/tied-embedding/base");
  private static final Path GPT2 = Path.of("resources/golden/gpt2-lm-lora");
  private static final Path T5 = Path.of("resources/golden/t5-v10-seq2seq");
  private static final String TABLE = "base_model.model.model.embed_tokens.";
  private static final String HEAD = "base_model.model.lm_head.";

  /** Logits up to 10 of a few dozen roundings of 6e-8 of them each. */
  private static final double ROUNDING = 1e-5;

  @TempDir private Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Model opened(Path base) {
    return Model.open(base, ModelOptions.DEFAULT);
  }

  private static Tensor ids() {
    return Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 4}, 1, 8);
  }

  private static Tensor logits(Model model) {
    return model.logits(new ModelInput(ids(), null, null));
  }

  /** The mean over the tokens that follow another. */
  private static Tensor loss(Model model) {
    return new Loss(model).sum(logits(model), ids()).mul(1.0 / 7);
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  private static LoraConfig tying(String... targets) {
    return LoraConfig.of(4, 8)
        .but()
        .targets(Targets.of(targets))
        .ensureWeightTying(true)
        .build();
  }

  /** Gives all parameters values as training might, none of them zero. */
  private static void randomize(Adapter adapter) {
    Torch.seed(5);
    for (Parameter parameter : adapter.parameters().values()) {
      parameter.original().setInPlace(Tensor.normal(0, 0.2, parameter.original().shape()));
    }
  }

  private Path save(Adapter adapter, String name) throws IOException {
    Path saved = Files.createDirectory(folder.resolve(name));
    AdapterFolder.write(adapter, new ObjectMapper().createObjectNode(), saved);
    return saved;
  }

  private static Tensor of(Safetensors file, String name) {
    assertThat(file.names()).contains(name);
    return file.tensor(name);
  }

  // ---- against PEFT ----

  @ParameterizedTest
  @ValueSource(strings = {"embedding", "head", "expression", "gpt2"})
  void pefsAdaptersAnswerAsTheyWereTrained(String name) throws IOException {
    Safetensors expected = Safetensors.open(FOUND.resolve(name).resolve("expected.safetensors"));
    Tensor logits = expected.tensor("logits");
    try (Model model = opened(name.equals("gpt2") ? GPT2 : LLAMA)) {
      Adapter adapter = AdapterFolder.open(FOUND.resolve(name)).attachTo(model);
      assertThat(difference(logits(model), logits)).isLessThan(ROUNDING);
      adapter.merge();
      assertThat(difference(logits(model), logits)).isLessThan(ROUNDING);
      Path merged = folder.resolve("merged");
      MergedCheckpoint.write(model, merged, other -> {});
      assertThat(Safetensors.open(merged.resolve("model.safetensors")).names())
          .doesNotContain("lm_head.weight"); // one table for both
      try (Model reopened = opened(merged)) {
        assertThat(logits(reopened).sameAs(logits(model))).isTrue();
      }
      adapter.unmerge();
      try (Model again = opened(name.equals("gpt2") ? GPT2 : LLAMA)) {
        AdapterFolder.open(save(adapter, "again")).attachTo(again);
        assertThat(logits(again).sameAs(logits(model))).isTrue();
      }
    }
  }

  /** By autograd alone, by the tape of the trainer, and with activations computed again. */
  @ParameterizedTest
  @ValueSource(strings = {"embedding", "expression", "gpt2"})
  void gradientsAreThoseOfBothUses(String name) {
    Safetensors expected = Safetensors.open(FOUND.resolve(name).resolve("expected.safetensors"));
    try (Model model = opened(name.equals("gpt2") ? GPT2 : LLAMA);
        GradMode on = GradMode.enabled()) {
      Adapter adapter = AdapterFolder.open(FOUND.resolve(name)).attachTo(model);
      adapter.train();
      List<Parameter> pair =
          adapter.parameters().entrySet().stream()
              .filter(entry -> entry.getKey().contains("lora_embedding"))
              .map(Map.Entry::getValue)
              .toList();
      assertThat(pair).hasSize(2);
      mustBe(expected, pair, Ops.grad(loss(model), pair.stream().map(Parameter::value).toList()));
      for (boolean again : new boolean[] {false, true}) {
        try (Tape tape = again ? Tape.recomputing(model) : Tape.of(model)) {
          Map<Parameter, Tensor> gradients = tape.gradients(loss(model), pair);
          mustBe(expected, pair, pair.stream().map(p -> gradient(gradients, p)).toList());
        }
      }
    }
  }

  private static Tensor gradient(Map<Parameter, Tensor> gradients, Parameter parameter) {
    return Objects.requireNonNull(gradients.get(parameter), parameter.name());
  }

  private static void mustBe(Safetensors expected, List<Parameter> pair, List<Tensor> gradients) {
    for (int i = 0; i < pair.size(); i++) {
      String name = pair.get(i).name();
      Tensor peft = expected.tensor("grad." + name.substring(name.lastIndexOf('.') + 1));
      // Sums over 7 tokens and 400 words: a few dozen roundings of 6e-8 of the largest.
      assertThat(difference(gradients.get(i), peft))
          .as(name)
          .isLessThan(4e-6 * (1 + peft.abs().max().item()));
    }
  }

  // ---- training, saving, reading ----

  @ParameterizedTest
  @CsvSource({"embed_tokens", "lm_head", "model.embed_tokens"})
  void eitherNameTargetsBoth(String target) throws IOException {
    try (Model model = opened(LLAMA)) {
      Tensor base = logits(model);
      Adapter adapter = Adapter.attach(model, tying(target), 1);
      assertThat(adapter.layers()).containsOnlyKeys("model.embed_tokens", "lm_head");
      assertThat(adapter.parameters())
          .containsOnlyKeys(TABLE + "lora_embedding_A", TABLE + "lora_embedding_B");
      assertThat(logits(model).sameAs(base)).isTrue(); // A is 0
      randomize(adapter);
      assertThat(difference(logits(model), base)).isGreaterThan(0.1);
      Safetensors file = Safetensors.open(save(adapter, "saved").resolve(AdapterFolder.WEIGHTS));
      assertThat(of(file, HEAD + "lora_A.weight").transpose(0, 1).contiguous())
          .matches(of(file, TABLE + "lora_embedding_B")::sameAs);
      assertThat(of(file, HEAD + "lora_B.weight").transpose(0, 1).contiguous())
          .matches(of(file, TABLE + "lora_embedding_A")::sameAs);
      // PEFT saves the base's tables where embed_tokens is named as such.
      assertThat(file.names().contains(HEAD + "base_layer.weight"))
          .isEqualTo(target.equals("embed_tokens"));
    }
  }

  @Test
  void aTrainedPairIsOneInItsFolderAndAfterAMerge() {
    Path data = Path.of("resources/cases/tied-embedding/d.jsonl");
    Path adapter = folder.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --task causal-lm --text text --output %s --epochs 3 --lr 0.02"
            + " --set adapter.target_modules=lm_head --set adapter.ensure_weight_tying=true",
        LLAMA,
        data,
        adapter);
    Safetensors file = Safetensors.open(adapter.resolve(AdapterFolder.WEIGHTS));
    Tensor b = of(file, HEAD + "lora_B.weight");
    assertThat(b.abs().max().item()).isGreaterThan(0.01);
    assertThat(b.transpose(0, 1).contiguous().sameAs(of(file, TABLE + "lora_embedding_A")))
        .isTrue();
    double base = FoundInUseTest.loss("--model %s --data %s", LLAMA, data);
    double trained =
        FoundInUseTest.loss("--model %s --adapter %s --data %s", LLAMA, adapter, data);
    assertThat(trained).isLessThan(base - 0.1);
    Path merged = folder.resolve("merged");
    Cli.done("merge --model %s --adapter %s --output %s", LLAMA, adapter, merged);
    assertThat(FoundInUseTest.loss("--model %s --data %s", merged, data))
        .isCloseTo(trained, org.assertj.core.api.Assertions.within(ROUNDING));
  }

  @Test
  void rowsAndSumsAreAnsweredByTiedUpdatesToo() {
    try (Model model = opened(LLAMA)) {
      Adapters adapters = new Adapters(model);
      adapters.load("one", FOUND.resolve("embedding"));
      adapters.load("two", FOUND.resolve("head"));
      Tensor base = logits(model);
      adapters.activate("one");
      Tensor one = logits(model);
      adapters.activate("two");
      Tensor two = logits(model);
      ModelInput rows = new ModelInput(Tensor.cat(List.of(ids(), ids(), ids()), 0), null, null);
      Tensor mixed = adapters.logits(rows, Arrays.asList("one", null, "two"));
      assertThat(difference(mixed, Tensor.cat(List.of(one, base, two), 0))).isLessThan(ROUNDING);
      adapters.activate("one", "two");
      Tensor sum = logits(model);
      assertThat(difference(sum, one)).isGreaterThan(0.1);
      adapters.merge();
      assertThat(difference(logits(model), sum)).isLessThan(2 * ROUNDING);
    }
  }

  // ---- what cannot be one ----

  @ParameterizedTest
  @CsvSource({"lora_A.weight, lora_embedding_B", "lora_B.weight, lora_embedding_A"})
  void factorsThatDifferAreRefusedByBothNames(String factor, String other) throws IOException {
    String name = HEAD + factor;
    Path changed = changed(name, FOUND.resolve("head"));
    try (Model model = opened(LLAMA)) {
      AdapterFolder adapter = AdapterFolder.open(changed);
      assertThatThrownBy(() -> adapter.attachTo(model))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              changed
                  + (": tensor \"" + name + "\" differs from the transpose of \"" + TABLE + other)
                  + "\", and ensure_weight_tying says that they are one: set it to false and name"
                  + " both layers in target_modules to keep both");
    }
  }

  @Test
  void tablesThatDifferAreRefusedByBothNames() throws IOException {
    String name = TABLE + "base_layer.weight";
    Path changed = changed(name, FOUND.resolve("embedding"));
    try (Model model = opened(LLAMA)) {
      AdapterFolder adapter = AdapterFolder.open(changed);
      assertThatThrownBy(() -> adapter.attachTo(model))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              changed
                  + (": tensors \"" + HEAD + "base_layer.weight\" and \"" + name + "\" differ, and")
                  + " the base has one table for both: was the adapter made for a base whose"
                  + " weights are not tied?");
    }
  }

  /** A copy of an adapter with another value at one place. */
  private Path changed(String name, Path adapter) throws IOException {
    Path copy = Files.createDirectory(folder.resolve("changed"));
    Files.copy(adapter.resolve(AdapterFolder.CONFIG), copy.resolve(AdapterFolder.CONFIG));
    Safetensors file = Safetensors.open(adapter.resolve(AdapterFolder.WEIGHTS));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(key -> tensors.put(key, file.tensor(key)));
    of(file, name);
    tensors.computeIfPresent(name, (key, tensor) -> tensor.add(0.5));
    Safetensors.write(copy.resolve(AdapterFolder.WEIGHTS), tensors, file.metadata());
    return copy;
  }

  /** Settings as JSON, and what is said of them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'use_dora': true}|use_dora does not go with ensure_weight_tying for targets"
            + " model.embed_tokens and lm_head, whose lengths are not one: leave one of the two out",
        "{'rank_pattern': {'lm_head': 2}}|rank_pattern gives model.embed_tokens 8 and lm_head 2,"
            + " and ensure_weight_tying makes their updates one: give both the same",
        "{'alpha_pattern': {'embed_tokens': 2}}|alpha_pattern gives model.embed_tokens 2.0 and"
            + " lm_head 8.0, and ensure_weight_tying makes their updates one: give both the same",
        "{'exclude_modules': ['embed_tokens']}|exclude_modules or modules_to_save leave out"
            + " model.embed_tokens, and ensure_weight_tying makes its update and that of what it is"
            + " tied to one: name both or neither",
        "{'exclude_modules': 'lm_head'}|exclude_modules or modules_to_save leave out lm_head, and"
            + " ensure_weight_tying makes its update and that of what it is tied to one: name both"
            + " or neither",
        "{'lora_bias': true}|lora_bias is for linear layers only, and target model.embed_tokens is"
            + " an embedding",
        "{'init_lora_weights': 'pissa'}|init_lora_weights pissa is for linear layers only, and"
            + " target model.embed_tokens is an embedding",
        "{'trainable_token_indices': [3]}|trainable_token_indices: model.embed_tokens is trained in"
            + " another way too: name its tokens or the whole, not both"
      })
  void settingsThatMakeTwoUpdatesAreRefused(String settings, String message) throws IOException {
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(settings.replace('\'', '"'));
    json.put("peft_type", "LORA").put("ensure_weight_tying", true);
    json.putArray("target_modules").add("lm_head").add("q_proj");
    Path given = Files.createDirectory(folder.resolve("given"));
    Files.writeString(given.resolve(AdapterFolder.CONFIG), json.toString());
    try (Model model = opened(LLAMA)) {
      assertThatThrownBy(() -> Adapter.attach(model, AdapterFolder.open(given).config(), 1))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(message);
      assertThat(logits(model).isFinite()).isTrue(); // the model can go on
    }
  }

  @Test
  void encoderDecodersHaveMoreThanOneUpdateInPeft() {
    try (Model model = opened(T5)) {
      assertThatThrownBy(() -> Adapter.attach(model, tying("lm_head"), 1))
          .hasMessage(
              "ensure_weight_tying is on and target_modules [lm_head] name an embedding or output"
                  + " layer, whose updates PEFT does not make one in a t5 model: leave these out, or"
                  + " set it to false");
    }
  }
}
