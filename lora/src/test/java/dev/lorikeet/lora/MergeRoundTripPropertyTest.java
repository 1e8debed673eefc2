package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.lora.AdapterContractTest.Example;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Unmerging gives back the very bytes, and files the very values, whatever the method, the model's
 * sizes and the type that it is stored in.
 */
@Tag("numeric")
class MergeRoundTripPropertyTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Path FOLDER = made();

  private static Path made() {
    try {
      return Files.createTempDirectory("round-trip");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterContainer
  static void delete() throws IOException {
    try (Stream<Path> files = Files.walk(FOLDER)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Provide
  Arbitrary<Example> methods() {
    return Arbitraries.of(AdapterContractTest.merging().toList());
  }

  @Provide
  Arbitrary<DType> types() {
    return Arbitraries.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16);
  }

  @Property(tries = 200)
  void mergeAndFilesLoseNothing(
      @ForAll("methods") Example method,
      @ForAll("types") DType type,
      @ForAll @IntRange(min = 1, max = 3) int heads,
      @ForAll @IntRange(min = 4, max = 7) int width,
      @ForAll @IntRange(min = 8, max = 24) int inner,
      @ForAll @IntRange(min = 62, max = 80) int words,
      @ForAll @IntRange(min = 1, max = 1000) int seed) {
    write(2 * heads, width, inner, words);
    ModelOptions options =
        ModelOptions.DEFAULT.fromScratch(Initialization.HE).withPrecision(type).withSeed(seed);
    try (Scope scope = Scope.open();
        Model model = Model.open(FOLDER, options);
        Model fresh = Model.open(FOLDER, options)) {
      Adapter adapter = Adapter.attach(model, method.config(), seed);
      randomize(adapter, seed);
      Map<String, byte[]> unmerged = TinyBert.bytes(model);
      adapter.merge();
      Map<String, byte[]> values = values(adapter); // which constrained OFT projects at first use
      assertThat(TinyBert.bytes(model).keySet()).containsAll(unmerged.keySet());
      mergedWeightsHaveTheBasesType(adapter, model, type);
      adapter.unmerge();
      mustBeSame(TinyBert.bytes(model), unmerged);
      mustBeSame(values(adapter), values);

      AdapterFolder.write(adapter, method.settings(), FOLDER);
      byte[] written = Files.readAllBytes(FOLDER.resolve(AdapterFolder.WEIGHTS));
      Adapter reloaded = AdapterFolder.open(FOLDER).attachTo(fresh);
      if (!method.rewritten()) {
        mustBeSame(values(reloaded), values);
      }
      AdapterFolder.write(reloaded, AdapterFolder.open(FOLDER).json(), FOLDER);
      assertThat(FOLDER.resolve(AdapterFolder.WEIGHTS)).hasBinaryContent(written);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void mergedWeightsHaveTheBasesType(Adapter adapter, Model model, DType type) {
    for (String path : adapter.layers().keySet()) {
      if (model.projections().containsKey(path)) {
        Parameter weight = Objects.requireNonNull(model.projections().get(path)).base().weight();
        assertThat(weight.value().dtype()).as(path).isEqualTo(type);
        assertThat(weight.value()).as(path).isNotSameAs(weight.original());
      }
    }
  }

  private static void write(int heads, int width, int inner, int words) {
    ObjectNode config = JSON.createObjectNode();
    config.put("model_type", "bert").put("vocab_size", words);
    config.putArray("architectures").add("BertForSequenceClassification");
    config.put("hidden_size", heads * width).put("num_attention_heads", heads);
    config.put("num_hidden_layers", 1).put("intermediate_size", inner);
    config.put("hidden_act", "gelu").put("layer_norm_eps", 1e-12);
    config.put("max_position_embeddings", 16).put("type_vocab_size", 2).put("pad_token_id", 0);
    try {
      JSON.writeValue(FOLDER.resolve("config.json").toFile(), config);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void randomize(Adapter adapter, int seed) {
    Torch.seed(seed);
    for (Parameter parameter : adapter.parameters().values()) {
      parameter.original().setInPlace(Tensor.normal(0, 0.2, parameter.original().shape()));
    }
  }

  private static Map<String, byte[]> values(Adapter adapter) {
    Map<String, byte[]> values = new LinkedHashMap<>();
    adapter
        .parameters()
        .forEach((name, parameter) -> values.put(name, parameter.original().toBytes()));
    return values;
  }

  private static void mustBeSame(Map<String, byte[]> found, Map<String, byte[]> expected) {
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, bytes) -> assertThat(found.get(name)).as(name).isEqualTo(bytes));
  }
}
