package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.adapters.MergeReceipt.Change;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
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
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a merge into float32, bfloat16 and float16 does, and what its receipt says of it. */
@Tag("numeric")
class MergeReceiptTest {
  private static final String QUERY = "bert.encoder.layer.0.attention.self.query";

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

  /** The tiny classifier with all weights rounded to a type and stored in it. */
  private Path rounded(DType type) throws IOException {
    Path source = TinyBert.folder(TinyBert.CLASSIFY);
    Path copy = Files.createDirectory(folder.resolve(type.name()));
    Files.copy(source.resolve("config.json"), copy.resolve("config.json"));
    Safetensors file = Safetensors.open(source.resolve("model.safetensors"));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.tensor(name).to(type)));
    Safetensors.write(copy.resolve("model.safetensors"), tensors, file.metadata());
    return copy;
  }

  private static Model open(Path base, DType type) {
    return Model.open(base, ModelOptions.DEFAULT.withPrecision(type));
  }

  private static Adapter onQuery(Model model) {
    LoraConfig config =
        LoraConfig.of(4, 8).but().targets(Targets.of("layer.0.attention.self.query")).build();
    Adapter adapter = Adapter.attach(model, config, 1);
    TinyBert.randomize(adapter);
    return adapter;
  }

  private static Change of(MergeReceipt receipt, String path) {
    return receipt.changes().stream()
        .filter(change -> change.path().equals(path))
        .findFirst()
        .orElseThrow();
  }

  static Stream<Arguments> methodsAndTypes() {
    return AdapterContractTest.merging()
        .flatMap(
            example ->
                Stream.of(DType.BFLOAT16, DType.FLOAT16).map(type -> Arguments.of(example, type)));
  }

  /** The same numbers merged in a float32 model are rounded once here, by libtorch, afterwards. */
  @ParameterizedTest
  @MethodSource("methodsAndTypes")
  void aMergeIsRoundedOnceFromFloat32(AdapterContractTest.Example example, DType type)
      throws IOException {
    Path base = rounded(type);
    try (Model half = open(base, type);
        Model single = open(base, DType.FLOAT32)) {
      Adapter adapter = Adapter.attach(half, example.config(), 1);
      Adapter exact = Adapter.attach(single, example.config(), 1);
      TinyBert.randomize(adapter);
      TinyBert.randomize(exact);
      adapter.merge();
      exact.merge();
      for (String path : adapter.layers().keySet()) {
        Tensor stored = weight(half, path);
        assertThat(stored.dtype()).as(path).isEqualTo(type);
        assertThat(stored.sameAs(weight(single, path).to(type))).as(path).isTrue();
      }
    }
  }

  private static Tensor weight(Model model, String path) {
    return model.embeddings().containsKey(path)
        ? Objects.requireNonNull(model.embeddings().get(path)).base().weight().value()
        : Objects.requireNonNull(model.projections().get(path)).base().weight().value();
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void normsAreThoseOfTheNumbers(DType type) throws IOException {
    try (Model model = open(rounded(type), type)) {
      double[] before = doubles(weight(model, QUERY));
      Adapter adapter = onQuery(model);
      double[] a = doubles(parameter(adapter, "lora_A.weight")); // [4, 32]
      double[] b = doubles(parameter(adapter, "lora_B.weight")); // [32, 4]
      Change change = of(adapter.merge(), QUERY);
      double[] stored = doubles(weight(model, QUERY));
      double weight = 0;
      double update = 0;
      double rounding = 0;
      double largest = 0;
      for (int i = 0; i < before.length; i++) {
        double delta = 0;
        for (int k = 0; k < 4; k++) {
          delta += 2 * b[i / 32 * 4 + k] * a[k * 32 + i % 32]; // s = 8/4
        }
        weight += before[i] * before[i];
        update += delta * delta;
        rounding += Math.pow(stored[i] - (before[i] + delta), 2);
        largest = Math.max(largest, Math.abs(stored[i] - (before[i] + delta)));
      }
      assertThat(change.tensor()).isEqualTo(QUERY + ".weight");
      assertThat(change.dtype()).isEqualTo(type);
      assertThat(change.updateNorm()).isCloseTo(Math.sqrt(update), within(1e-5));
      assertThat(change.relativeUpdate()).isCloseTo(Math.sqrt(update / weight), within(1e-4));
      // Beside a merge in double precision, one in float32 has roundings of its own, of 1e-7.
      assertThat(change.roundingNorm()).isCloseTo(Math.sqrt(rounding), within(1e-5));
      assertThat(change.roundingMax()).isCloseTo(largest, within(1e-6));
      if (type == DType.FLOAT32) {
        assertThat(change.roundingNorm()).isZero();
      } else {
        // Half a unit in the last of 8 or 11 binary places is the most that rounding may do.
        double most = type == DType.BFLOAT16 ? 0x1p-8 : 0x1p-11;
        assertThat(change.relativeRounding()).isBetween(most / 10, most);
        assertThat(change.roundingOfUpdate())
            .isCloseTo(change.roundingNorm() / change.updateNorm(), within(1e-12));
      }
      assertThat(change.tiedTo()).isEmpty();
      assertThat(change.parted()).isFalse();
      assertThat(change.replaced()).isFalse();
    }
  }

  private static Tensor parameter(Adapter adapter, String name) {
    return Objects.requireNonNull(
            adapter.parameters().get("base_model.model." + QUERY + "." + name), name)
        .original();
  }

  private static double[] doubles(Tensor tensor) {
    float[] values = tensor.toFloats();
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  @Test
  void whatIsTrainedWholeIsReplaced() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = onQuery(model);
      MergeReceipt receipt = adapter.merge();
      assertThat(receipt.changes().stream().map(Change::tensor))
          .containsExactly("classifier.weight", "classifier.bias", QUERY + ".weight");
      Change head = of(receipt, "classifier");
      assertThat(head.replaced()).isTrue();
      assertThat(head.roundingNorm()).isZero();
      assertThat(head.updateNorm()).isPositive();
      assertThat(adapter.merge()).as("merging twice").isSameAs(receipt);
    }
  }

  @Test
  void theHashIsTheFilesUntilTheAdapterIsTrained() {
    Path peft = TinyBert.folder(TinyBert.CLASSIFY).resolve("adapter");
    String sha256 = FileHash.sha256(peft.resolve(AdapterFolder.WEIGHTS));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = AdapterFolder.open(peft).attachTo(model);
      assertThat(adapter.merge().adapterSha256()).isEqualTo(sha256);
      adapter.unmerge();
      adapter.train();
      adapter.freeze();
      assertThat(adapter.merge().adapterSha256()).isNull();
    }
  }

  @Test
  void theFileSaysTheSame() throws IOException {
    try (Model model = open(rounded(DType.BFLOAT16), DType.BFLOAT16)) {
      MergeReceipt receipt = onQuery(model).merge();
      receipt.write(folder);
      JsonNode json = new ObjectMapper().readTree(folder.resolve(MergeReceipt.FILE).toFile());
      assertThat(json.path("method").asText()).isEqualTo("LORA");
      assertThat(json.path("adapter_sha256").isNull()).isTrue();
      assertThat(json.path("changes")).hasSize(3);
      Change change = of(receipt, QUERY);
      JsonNode entry = json.path("changes").path(2);
      assertThat(entry.path("tensor").asText()).isEqualTo(QUERY + ".weight");
      assertThat(entry.path("dtype").asText()).isEqualTo("bfloat16");
      assertThat(entry.path("update_norm").asDouble()).isEqualTo(change.updateNorm());
      assertThat(entry.path("rounding_relative").asDouble()).isEqualTo(change.relativeRounding());
      assertThat(entry.path("parted").isBoolean()).isTrue();
    }
  }

  @Test
  void whatFloat16CannotHoldIsRefused() throws IOException {
    try (Model model = open(rounded(DType.FLOAT16), DType.FLOAT16)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      Adapter adapter = onQuery(model);
      Tensor a = parameter(adapter, "lora_A.weight");
      Tensor b = parameter(adapter, "lora_B.weight");
      a.setInPlace(Tensor.full(100, DType.FLOAT32, a.device(), a.shape()));
      b.setInPlace(Tensor.full(200, DType.FLOAT32, b.device(), b.shape()));
      // 8/4 · 4 · 100 · 200 = 160,000, and the weight, which is below 1
      assertThatThrownBy(adapter::merge)
          .isInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              QUERY
                  + ": the merged weight has elements up to 160000\\.\\d+, and FLOAT16 ends at"
                  + " 65504.0; nothing was merged: open the base in float32 or bfloat16");
      adapter.disable();
      assertThat(TinyBert.bytes(model)).usingRecursiveComparison().isEqualTo(before);
    }
  }

  @Test
  void aCopyWithNanIsRefused() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      Adapter adapter = onQuery(model);
      Parameter head =
          Objects.requireNonNull(
              adapter.parameters().get("base_model.model.classifier.weight"), "classifier");
      head.original().view(0, 1).setInPlace(Tensor.of(new float[] {Float.NaN}, 1));
      assertThatThrownBy(adapter::merge)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "classifier.weight: the merged weight has NaN or infinite elements; nothing was merged");
      assertThat(adapter.isMerged()).isFalse();
      adapter.disable();
      assertThat(TinyBert.bytes(model)).usingRecursiveComparison().isEqualTo(before);
    }
  }
}
