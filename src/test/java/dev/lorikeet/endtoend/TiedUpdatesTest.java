package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
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
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
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
  static final Path FOUND = Path.of("resources/cases/tied-embedding-lora");
  static final Path LLAMA = Path.of("resources/cases/tied-embedding/base");
  private static final Path GPT2 = Path.of("resources/golden/gpt2-lm-lora");
  static final String TABLE = "base_model.model.model.embed_tokens.";
  static final String HEAD = "base_model.model.lm_head.";

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

  static Model opened(Path base) {
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
    return new FullLoss(model).sum(logits(model), ids()).mul(1.0 / 7);
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  private static LoraConfig tying(String... targets) {
    return LoraConfig.of(4, 8).but().targets(Targets.of(targets)).ensureWeightTying(true).build();
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
  void adaptersOfPeftsAnswerAsTheyWereTrained(String name) throws IOException {
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
      Tensor b =
          Objects.requireNonNull(adapter.parameters().get(TABLE + "lora_embedding_B")).original();
      assertThat(b.abs().max().item()).isBetween(0.1, 1 / Math.sqrt(32)); // as a linear layer's A
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
        LLAMA, data, adapter);
    Safetensors file = Safetensors.open(adapter.resolve(AdapterFolder.WEIGHTS));
    Tensor b = of(file, HEAD + "lora_B.weight");
    assertThat(b.abs().max().item()).isGreaterThan(0.01);
    assertThat(b.transpose(0, 1).contiguous().sameAs(of(file, TABLE + "lora_embedding_A")))
        .isTrue();
    double base = FoundInUseTest.loss("--model %s --data %s", LLAMA, data);
    double trained = FoundInUseTest.loss("--model %s --adapter %s --data %s", LLAMA, adapter, data);
    assertThat(trained).isLessThan(base - 0.1);
    Path merged = folder.resolve("merged");
    Cli.done("merge --model %s --adapter %s --output %s", LLAMA, adapter, merged);
    assertThat(FoundInUseTest.loss("--model %s --data %s", merged, data))
        .isCloseTo(trained, within(ROUNDING));
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

  /** Each of the two layers gets a combination of its own, of the same update. */
  @Test
  void aCombinationIsTheSum() {
    try (Model model = opened(LLAMA)) {
      Adapters adapters = new Adapters(model);
      adapters.load("one", FOUND.resolve("embedding"));
      adapters.load("two", FOUND.resolve("head"));
      Path both = folder.resolve("both");
      Cli.done(
          "adapter combine --adapter %1$s/embedding --weight 1 --adapter %1$s/head --weight 1"
              + " --combination-type svd --svd-rank 8 --output %2$s",
          FOUND, both);
      adapters.load("both", both);
      adapters.activate("one", "two");
      Tensor sum = logits(model);
      adapters.activate("both");
      assertThat(difference(logits(model), sum)).isLessThan(2 * ROUNDING);
    }
  }

  /** A list's layers are counted of other targets only: these two are named whole. */
  @Test
  void layersToTransformLeaveThemIn() {
    Targets targets =
        new Targets(List.of("lm_head", "q_proj"), false, List.of(), false, Set.of(0), List.of());
    try (Model model = opened(LLAMA)) {
      LoraConfig config = tying().but().targets(targets).build();
      assertThat(Adapter.attach(model, config, 1).layers())
          .containsOnlyKeys(
              "model.embed_tokens", "model.layers.0.self_attn.q_proj", "lm_head"); // as in PEFT
    }
  }

  /** PEFT goes by two names, of which GPT-2's embedding has neither. */
  @Test
  void anEmbeddingOfAnotherNameIsAdaptedAlone() {
    try (Model model = opened(GPT2)) {
      assertThat(Adapter.attach(model, tying("wte"), 1).layers())
          .containsOnlyKeys("transformer.wte");
    }
  }
}
