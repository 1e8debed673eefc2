package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

/** Adapters on one of two layers that share a table: Llama's embedding and output weights. */
@Tag("numeric")
class TiedEmbeddingsTest {
  private static final Path UNTIED = Path.of("resources/golden/llama-lm-lora");
  private static final Path GPT2 = Path.of("resources/golden/gpt2-lm-lora");
  private static final String TABLE = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  /** Logits of a few units, a few dozen roundings of 6e-8 each. */
  private static final double ROUNDING = 1e-5;

  private final ObjectMapper json = new ObjectMapper();

  @TempDir private Path folder;

  private Scope scope;
  private Path tied;

  @BeforeEach
  void open() throws IOException {
    scope = Scope.open();
    tied = Files.createDirectory(folder.resolve("tied"));
    ObjectNode config = (ObjectNode) json.readTree(UNTIED.resolve("config.json").toFile());
    json.writeValue(tied.resolve("config.json").toFile(), config.put("tie_word_embeddings", true));
    Safetensors file = Safetensors.open(UNTIED.resolve("model.safetensors"));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.tensor(name)));
    tensors.remove(HEAD);
    Safetensors.write(tied.resolve("model.safetensors"), tensors, file.metadata());
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Model model() {
    return Model.open(tied, ModelOptions.DEFAULT);
  }

  private static Tensor logits(Model model) {
    return model.logits(
        new ModelInput(Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 4}, 2, 4), null, null));
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  private static Adapter trained(Model model, LoraConfig config) {
    Adapter adapter = Adapter.attach(model, config, 1);
    Torch.seed(5);
    for (Parameter parameter : adapter.parameters().values()) {
      parameter.original().setInPlace(Tensor.normal(0, 0.2, parameter.original().shape()));
    }
    return adapter;
  }

  private static LoraConfig on(String target) {
    return LoraConfig.of(4, 8).withTargets(Targets.of(target));
  }

  @ParameterizedTest
  @CsvSource({
    "embed_tokens, model.embed_tokens.weight, FLOAT32",
    "lm_head, lm_head.weight, FLOAT32",
    "embed_tokens, model.embed_tokens.weight, BFLOAT16"
  })
  void aMergePartsThem(String target, String changed, DType type) throws IOException {
    mergeParts(tied, TABLE, target, changed, type);
  }

  @ParameterizedTest
  @CsvSource({
    "wte, transformer.wte.weight, FLOAT32",
    "lm_head, lm_head.weight, FLOAT32",
    "lm_head, lm_head.weight, BFLOAT16"
  })
  void aMergePartsThoseOfGpt2(String target, String changed, DType type) throws IOException {
    mergeParts(GPT2, "transformer.wte.weight", target, changed, type);
  }

  /** Where logits are compared in bfloat16 they are rounded to 2⁻⁸ of themselves some 30 times. */
  private void mergeParts(Path base, String table, String target, String changed, DType type)
      throws IOException {
    Path merged = folder.resolve("merged");
    double rounding = type == DType.FLOAT32 ? ROUNDING : 0.2;
    ModelOptions options = ModelOptions.DEFAULT.withPrecision(type);
    try (Model model = Model.open(base, options)) {
      byte[] words = bytes(model, table);
      Tensor before = logits(model);
      Adapter adapter = trained(model, on(target));
      Tensor adapted = logits(model);
      assertThat(difference(adapted, before)).isGreaterThan(0.5);
      MergeReceipt receipt = adapter.merge();
      assertThat(difference(logits(model), adapted)).isLessThan(rounding);
      String kept = changed.equals(table) ? HEAD : table;
      assertThat(receipt.changes()).hasSize(1);
      assertThat(receipt.changes().get(0).tensor()).isEqualTo(changed);
      assertThat(receipt.changes().get(0).tiedTo()).containsExactly(kept);
      assertThat(receipt.changes().get(0).parted()).isTrue();
      assertThat(bytes(model, kept)).isEqualTo(words);
      assertThat(bytes(model, changed)).isNotEqualTo(words);
      MergedCheckpoint.write(model, merged, other -> {});
      assertThat(json.readTree(merged.resolve("config.json").toFile()).path("tie_word_embeddings"))
          .isEqualTo(json.getNodeFactory().booleanNode(false));
      assertThat(Safetensors.open(merged.resolve("model.safetensors")).names())
          .contains(table, HEAD);
      try (Model reopened = Model.open(merged, options)) {
        assertThat(logits(reopened).sameAs(logits(model))).isTrue();
      }
      adapter.unmerge();
      assertThat(model.stateDict()).doesNotContainKey(HEAD);
      assertThat(bytes(model, table)).isEqualTo(words);
    }
  }

  @Test
  void trainedTokensAreTheOutputsToo() {
    LoraConfig config =
        on("q_proj").but().trainableTokens(TrainableTokens.of(List.of(61, 3))).build();
    try (Model model = model()) {
      Tensor base = logits(model);
      Adapter adapter = trained(model, config);
      Tensor adapted = logits(model);
      MergeReceipt receipt = adapter.merge();
      assertThat(difference(logits(model), adapted)).isLessThan(ROUNDING);
      assertThat(model.stateDict()).doesNotContainKey(HEAD);
      assertThat(receipt.changes())
          .filteredOn(change -> change.tensor().equals(TABLE))
          .singleElement()
          .satisfies(change -> assertThat(change.tiedTo()).containsExactly(HEAD))
          .satisfies(change -> assertThat(change.parted()).isFalse());
      adapter.disable();
      assertThat(logits(model).sameAs(base)).isTrue();
      // In the first text token 61 stands second: the first token's outputs change at 61 and 3.
      LoraConfig tokens = config.but().targets(Targets.of("layers.1.self_attn.q_proj")).build();
      adapter.remove();
      Adapter alone = Adapter.attach(model, tokens, 1);
      String delta = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";
      Objects.requireNonNull(alone.parameters().get(delta))
          .original()
          .setInPlace(Tensor.normal(0, 1, 2, 32));
      float[] now = logits(model).toFloats();
      float[] before = base.toFloats();
      for (int word = 0; word < 96; word++) {
        assertThat(now[word] != before[word]).as("%d", word).isEqualTo(word == 61 || word == 3);
      }
    }
  }

  @Test
  void theTableIsSavedWithTheAdapterAndAnotherOneIsTakenFromIt() throws IOException {
    String name = "base_model.model.model.embed_tokens.base_layer.weight";
    Path saved = Files.createDirectory(folder.resolve("saved"));
    Tensor adapted;
    try (Model model = model()) {
      Adapter adapter = trained(model, on("embed_tokens"));
      adapted = logits(model);
      AdapterFolder.write(adapter, json.createObjectNode(), saved);
    }
    try (Model model = model()) {
      AdapterFolder.open(saved).attachTo(model);
      assertThat(logits(model).sameAs(adapted)).isTrue();
    }
    Safetensors file = AdapterFolder.open(saved).weights();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(key -> tensors.put(key, file.tensor(key)));
    tensors.put(name, Objects.requireNonNull(tensors.get(name)).mul(2));
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.copy(saved.resolve(AdapterFolder.CONFIG), other.resolve(AdapterFolder.CONFIG));
    Safetensors.write(other.resolve(AdapterFolder.WEIGHTS), tensors, file.metadata());
    try (Model model = model()) {
      Tensor base = logits(model);
      Adapter adapter = AdapterFolder.open(other).attachTo(model);
      assertThat(difference(logits(model), adapted)).isGreaterThan(0.1);
      Tensor brought = logits(model);
      adapter.merge();
      assertThat(difference(logits(model), brought)).isLessThan(ROUNDING);
      adapter.disable();
      assertThat(logits(model).sameAs(base)).isTrue();
    }
  }

  private static byte[] bytes(Model model, String name) {
    return Objects.requireNonNull(model.stateDict().get(name), name).toBytes();
  }
}
