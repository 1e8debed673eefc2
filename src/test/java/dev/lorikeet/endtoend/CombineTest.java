package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@code lorikeet adapter combine} beside PEFT's {@code add_weighted_adapter}, recorded by {@code
 * interop/record_combinations.py}.
 */
@Tag("numeric")
class CombineTest {
  private static final Path RECORDED = Path.of("resources/combine");
  private static final String PREFIX = "base_model.model.";

  /**
   * Updates and logits of a few units, in sums of some dozen terms with roundings of 6e-8 each;
   * singular values besides, of a float32 decomposition.
   */
  private static final double ROUNDING = 2e-5;

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

  private static JsonNode recorded() throws IOException {
    return Cli.parse(Files.readString(RECORDED.resolve("cases.json")));
  }

  static Stream<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    recorded().fieldNames().forEachRemaining(names::add);
    return names.stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void makesWhatPeftMakes(String name) throws IOException {
    JsonNode recording = recorded().path(name);
    Path output = folder.resolve("combined");
    Cli.ofWords(words(recording, output).toArray(String[]::new));
    Safetensors expected = Safetensors.open(RECORDED.resolve("expected.safetensors"));
    Safetensors found = AdapterFolder.open(output).weights();
    Path base = Path.of("resources/golden").resolve(recording.path("base").asText());
    try (Model model = Model.open(base, ModelOptions.DEFAULT)) {
      for (String tensor : expected.names()) {
        if (tensor.startsWith(name + "/") && !tensor.endsWith("/logits")) {
          String path = tensor.substring(name.length() + 1);
          assertThat(difference(update(found, path), expected.tensor(tensor)))
              .as(path)
              .isLessThan(ROUNDING);
        }
      }
      AdapterFolder.open(output).attachTo(model);
      Tensor ids = Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 4}, 2, 4);
      Tensor logits = model.logits(new ModelInput(ids, null, null));
      assertThat(difference(logits, expected.tensor(name + "/logits"))).isLessThan(ROUNDING);
    }
  }

  private static List<String> words(JsonNode recording, Path output) {
    List<String> words = new ArrayList<>(List.of("adapter", "combine", "--output", output + ""));
    recording
        .path("adapters")
        .forEach(a -> words.addAll(List.of("--adapter", RECORDED + "/" + a.asText())));
    recording.path("weights").forEach(w -> words.addAll(List.of("--weight", w.asText())));
    for (Map.Entry<String, JsonNode> setting : recording.path("settings").properties()) {
      words.add("--" + setting.getKey().replace('_', '-'));
      words.add(setting.getValue().asText());
    }
    return words;
  }

  private static Tensor update(Safetensors file, String path) {
    String layer = PREFIX + path;
    return file.names().contains(layer + ".lora_embedding_A")
        ? file.tensor(layer + ".lora_embedding_B").matmul(file.tensor(layer + ".lora_embedding_A"))
        : file.tensor(layer + ".lora_B.weight").matmul(file.tensor(layer + ".lora_A.weight"));
  }

  private static double difference(Tensor x, Tensor y) {
    return x.sub(y).abs().max().item();
  }

  @Test
  void tellsWhatCameOutAndOfWhat() throws IOException {
    Path output = folder.resolve("combined");
    Cli cli =
        Cli.done(
            "adapter combine --adapter %1$s/one --weight 1 --adapter %1$s/wide --weight -0.5"
                + " --combination-type cat --output %2$s --json",
            RECORDED, output);
    assertThat(cli.json().path("layers").asInt()).isEqualTo(4);
    // Layer 0's query has 4 and 6, that of layer 1 has 2, the feed-forwards have 4.
    assertThat(cli.json().path("ranks").toString()).isEqualTo("[2,4,10]");
    JsonNode config = Cli.parse(Files.readString(output.resolve("adapter_config.json")));
    assertThat(config.path("r").asInt()).isEqualTo(10);
    assertThat(config.path("lora_alpha").asInt()).isEqualTo(10);
    assertThat(config.path("rank_pattern")).isEqualTo(config.path("alpha_pattern")).hasSize(3);
    assertThat(config.path("task_type").asText()).isEqualTo("CAUSAL_LM");
    JsonNode made =
        Cli.parse(Files.readString(output.resolve("lorikeet.json"))).path("combination");
    assertThat(made.path("combination_type").asText()).isEqualTo("cat");
    assertThat(made.path("adapters")).hasSize(2);
    assertThat(made.path("adapters").path(1).path("weight").asDouble()).isEqualTo(-0.5);
    assertThat(made.path("adapters").path(0).path("sha256").asText()).hasSize(64);
  }

  @Test
  void dareDependsOnTheSeedAlone() {
    for (String run : List.of("first --seed 3", "again --seed 3", "other --seed 4")) {
      Cli.done(
          "adapter combine --adapter %1$s/one --weight 1 --adapter %1$s/two --weight 1"
              + " --combination-type dare_ties --density 0.5 --output %2$s/%3$s",
          RECORDED, folder, run);
    }
    Path weights = folder.resolve("first").resolve(AdapterFolder.WEIGHTS);
    assertThat(folder.resolve("again").resolve(AdapterFolder.WEIGHTS))
        .hasSameBinaryContentAs(weights);
    assertThat(Files.exists(folder.resolve("other"))).isTrue();
    assertThat(bytes(folder.resolve("other"))).isNotEqualTo(bytes(folder.resolve("first")));
  }

  private static byte[] bytes(Path adapter) {
    try {
      return Files.readAllBytes(adapter.resolve(AdapterFolder.WEIGHTS));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--adapter A/one --weight 1 --weight 2 --combination-type cat"
            + "| there are 1 --adapter and 2 --weight: give each adapter one",
        "--adapter A/one --weight 1 --combination-type sum"
            + "| unknown combination type \"sum\": use linear, cat, svd, ties, dare_linear,"
            + " dare_ties, magnitude_prune, ties_svd, dare_linear_svd, dare_ties_svd,"
            + " magnitude_prune_svd",
        "--adapter A/one --weight 1 --combination-type ties"
            + "| combination type ties needs a density: the share of elements that is kept, above 0"
            + " and at most 1",
        "--adapter A/one --weight 1 --combination-type ties --density 0"
            + "| density is 0.0: it must be above 0 and at most 1",
        "--adapter A/one --weight 1 --combination-type linear --density 0.5"
            + "| density 0.5 means nothing to combination type linear: leave it out",
        "--adapter A/one --weight 1 --combination-type cat --svd-rank 3"
            + "| svd rank 3 means nothing to combination type cat: leave it out",
        "--adapter A/one --weight NaN --combination-type cat"
            + "| the weight of resources/combine/one is NaN: use a number",
        "--adapter A/one --weight 1 --combination-type ties --density 1 --majority-sign-method x"
            + "| unknown majority sign method \"x\": use total or frequency",
      })
  void wrongUsageIsOneLine(String flags, String error) {
    Cli cli =
        Cli.run(
            "adapter combine --output %s " + flags.replace("A/", RECORDED + "/"), folder + "/o");
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.err().strip()).isEqualTo("error: " + error.strip());
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void otherRanksAreNamedWithTheLayer() {
    Cli cli =
        Cli.run(
            "adapter combine --adapter %1$s/one --weight 1 --adapter %1$s/wide --weight 1"
                + " --combination-type linear --output %2$s/o",
            RECORDED, folder);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err().strip())
        .isEqualTo(
            "error: combination type linear needs one rank, and at"
                + " model.layers.0.self_attn.q_proj it is 4 in resources/combine/one and 6 in"
                + " resources/combine/wide: use cat or svd");
  }

  @Test
  void adaptersOfOtherBasesAreRefused() {
    Cli cli =
        Cli.run(
            "adapter combine --adapter %s --weight 1 --adapter %s --weight 1"
                + " --combination-type cat --output %s/o",
            RECORDED.resolve("conv"), "resources/golden/bert-classify-ia3/adapter", folder);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .contains(
            "resources/golden/bert-classify-ia3/adapter: peft_type is IA3, and only adapters of"
                + " LORA can be combined: merge them into the base one after the other");
  }
}
