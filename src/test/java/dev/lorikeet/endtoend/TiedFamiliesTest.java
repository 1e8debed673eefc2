package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
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
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every family's table of word embeddings and the output weights that are one with it. */
class TiedFamiliesTest {
  private static final Path GOLDEN = Path.of("resources/golden");

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
    Tensor ids = Tensor.of(new long[] {5, 11, 7, 9, 20, 13, 8, 4}, 2, 4);
    ModelInput input = new ModelInput(ids, null, null);
    return model.logits(
        model.config().modelType().endsWith("t5") ? input.withDecoderInputIds(ids) : input);
  }

  private static Tensor values(Model model, String name) {
    return Objects.requireNonNull(model.stateDict().get(name), name);
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  @ParameterizedTest
  @CsvSource({
    "bert-mlm, word_embeddings, bert.embeddings.word_embeddings, cls.predictions.decoder",
    "roberta-mlm-lora, word_embeddings, roberta.embeddings.word_embeddings, lm_head.decoder",
    "electra-mlm-lora, word_embeddings, electra.embeddings.word_embeddings, generator_lm_head",
    "distilbert-mlm-lora, word_embeddings, distilbert.embeddings.word_embeddings, vocab_projector",
    "modernbert-mlm-lora, tok_embeddings, model.embeddings.tok_embeddings, decoder",
    "gpt2-lm-lora, wte, transformer.wte, lm_head",
    "gemma2-lm-lora, embed_tokens, model.embed_tokens, lm_head",
    "t5-v10-seq2seq, shared, shared, lm_head"
  })
  void aSavedEmbeddingLeavesItsOutputAndTheOtherWayRound(
      String golden, String entry, String table, String output) throws IOException {
    for (String module : List.of(table, output)) {
      String kept = module.equals(table) ? output : table;
      try (Model model = Model.open(GOLDEN.resolve(golden), ModelOptions.DEFAULT)) {
        Tensor words = values(model, table + ".weight").copy();
        Tensor base = logits(model);
        Adapter adapter = Adapter.attach(model, saving(module.equals(table) ? entry : output), 1);
        change(adapter, module);
        Tensor adapted = logits(model);
        assertThat(difference(adapted, base)).as(module).isGreaterThan(0.01);
        Path saved = Files.createDirectory(folder.resolve("adapter-" + module));
        AdapterFolder.write(adapter, new ObjectMapper().createObjectNode(), saved);
        adapter.merge();
        Path merged = folder.resolve("merged-" + module);
        MergedCheckpoint.write(model, merged, other -> {});
        try (Model reopened = Model.open(merged, ModelOptions.DEFAULT)) {
          assertThat(logits(reopened).sameAs(logits(model))).as(module).isTrue();
          assertThat(values(reopened, kept + ".weight").sameAs(words)).as(module).isTrue();
        }
        adapter.remove();
        assertThat(logits(model).sameAs(base)).isTrue();
        AdapterFolder.open(saved).attachTo(model);
        assertThat(logits(model).sameAs(adapted)).isTrue();
      }
    }
  }

  private static LoraConfig saving(String entry) {
    return LoraConfig.of(2, 4)
        .but()
        .targets(Targets.parse(".*(query|query_proj|q_lin|Wqkv|c_attn|q_proj|\\.q)"))
        .modulesToSave(List.of(entry))
        .build();
  }

  /** As training would. */
  private static void change(Adapter adapter, String module) {
    Torch.seed(3);
    Parameter copy =
        Objects.requireNonNull(
            adapter.parameters().get("base_model.model." + module + ".weight"),
            () -> module + " of " + adapter.parameters().keySet());
    Tensor value = copy.original();
    value.setInPlace(value.detach().add(Tensor.normal(0, 0.1, value.shape())));
  }

  /** Writers that store what is shared once take the first of its names. */
  @ParameterizedTest
  @CsvSource({
    "roberta-mlm-lora, roberta.embeddings.word_embeddings.weight, lm_head.decoder.weight",
    "gpt2-lm-lora, transformer.wte.weight, lm_head.weight",
    "gemma2-lm-lora, model.embed_tokens.weight, lm_head.weight",
    "modernbert-mlm-lora, model.embeddings.tok_embeddings.weight, decoder.weight",
    "t5-v10-seq2seq, shared.weight, decoder.embed_tokens.weight"
  })
  void theTableMayBeThereUnderItsOutputsName(String golden, String table, String output)
      throws IOException {
    Path base = GOLDEN.resolve(golden);
    Path renamed = Files.createDirectory(folder.resolve("renamed"));
    Files.copy(base.resolve("config.json"), renamed.resolve("config.json"));
    Safetensors file = Safetensors.open(base.resolve("model.safetensors"));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.tensor(name)));
    Tensor words = Objects.requireNonNull(tensors.remove(table), () -> table + file.names());
    tensors.put(output, words);
    Safetensors.write(renamed.resolve("model.safetensors"), tensors, file.metadata());
    try (Model model = Model.open(base, ModelOptions.DEFAULT);
        Model other = Model.open(renamed, ModelOptions.DEFAULT)) {
      assertThat(logits(other).sameAs(logits(model))).isTrue();
    }
  }
}
