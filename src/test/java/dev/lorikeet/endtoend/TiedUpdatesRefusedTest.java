package dev.lorikeet.endtoend;

import static dev.lorikeet.endtoend.TiedUpdatesTest.FOUND;
import static dev.lorikeet.endtoend.TiedUpdatesTest.HEAD;
import static dev.lorikeet.endtoend.TiedUpdatesTest.LLAMA;
import static dev.lorikeet.endtoend.TiedUpdatesTest.TABLE;
import static dev.lorikeet.endtoend.TiedUpdatesTest.opened;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot be one though {@code ensure_weight_tying} says so: files and settings. */
class TiedUpdatesRefusedTest {
  private static final Path CASES = Path.of("resources/cases");
  private static final Path T5 = Path.of("resources/golden/t5-v10-seq2seq");

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

  private static Tensor logits(Model model) {
    return model.logits(new ModelInput(Tensor.of(new long[] {5, 61, 7, 9}, 1, 4), null, null));
  }

  // ---- files ----

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

  /** What is compared is what is computed with: PEFT stores modules in the base's type. */
  @ParameterizedTest
  @ValueSource(strings = {"tied-embedding-lora/embedding", "tied-embedding/ad_emb_tying"})
  void theTypeThatTheyAreStoredInDoesNotMatter(String adapter) throws IOException {
    Path half = copy(CASES.resolve(adapter), "", tensor -> tensor.to(DType.BFLOAT16));
    try (Model model = Model.open(LLAMA, ModelOptions.DEFAULT.withPrecision(DType.BFLOAT16))) {
      Tensor base = logits(model);
      AdapterFolder.open(half).attachTo(model);
      assertThat(logits(model).sub(base).abs().max().item()).isGreaterThan(0.1);
    }
  }

  private Path changed(String name, Path adapter) throws IOException {
    return copy(adapter, name, tensor -> tensor.add(0.5));
  }

  /** A copy of an adapter with other values in the tensors whose names begin so. */
  private Path copy(Path adapter, String names, UnaryOperator<Tensor> change) throws IOException {
    Path copy = Files.createDirectory(folder.resolve("changed"));
    Files.copy(adapter.resolve(AdapterFolder.CONFIG), copy.resolve(AdapterFolder.CONFIG));
    Safetensors file = Safetensors.open(adapter.resolve(AdapterFolder.WEIGHTS));
    assertThat(file.names()).anyMatch(name -> name.startsWith(names));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : file.names()) {
      Tensor tensor = file.tensor(name);
      tensors.put(name, name.startsWith(names) ? change.apply(tensor) : tensor);
    }
    Safetensors.write(copy.resolve(AdapterFolder.WEIGHTS), tensors, file.metadata());
    return copy;
  }

  // ---- settings ----

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
      Tensor base = logits(model);
      assertThatThrownBy(() -> Adapter.attach(model, AdapterFolder.open(given).config(), 1))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(message);
      assertThat(logits(model).sameAs(base)).isTrue();
    }
  }

  @Test
  void ranksFromDataWouldBeTwo() {
    Refusal.of(
        folder,
        2,
        "init_lora_weights eva does not go with ensure_weight_tying for targets that are embeddings"
            + " or output layers, whose ranks it would make two: leave one of them out",
        "train --model %s --data resources/cases/tied-embedding/d.jsonl --task causal-lm"
            + " --text text --output %s/o --set adapter.target_modules=lm_head,q_proj"
            + " --set adapter.ensure_weight_tying=true --set adapter.init_lora_weights=eva",
        LLAMA,
        folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"target_modules", "modules_to_save"})
  void adaLoraTiesNothing(String key) {
    ObjectNode json = new ObjectMapper().createObjectNode().put("ensure_weight_tying", true);
    json.putArray("target_modules").add("q_proj");
    json.withArray(key).add("lm_head");
    assertThatThrownBy(() -> AdapterMethods.ofType("ADALORA").orElseThrow().read(json))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "adapter_config.json: ensure_weight_tying is true, and target_modules or"
                + " modules_to_save name an embedding or output layer, which AdaLoRA does not tie:"
                + " set it to false");
  }

  @Test
  void encoderDecodersHaveMoreThanOneUpdateInPeft() {
    try (Model model = opened(T5)) {
      LoraConfig tying =
          LoraConfig.of(4, 8).but().targets(Targets.of("lm_head")).ensureWeightTying(true).build();
      assertThatThrownBy(() -> Adapter.attach(model, tying, 1))
          .hasMessage(
              "ensure_weight_tying is on and target_modules [lm_head] name an embedding or output"
                  + " layer, whose updates PEFT does not make one in a t5 model: leave these out, or"
                  + " set it to false");
    }
  }
}
