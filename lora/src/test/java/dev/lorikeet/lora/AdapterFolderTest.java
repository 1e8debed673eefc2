package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders that PEFT 0.21.0 wrote, read and written again; and broken ones. */
class AdapterFolderTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String QUERY_A =
      "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight";

  @TempDir private Path copy;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Path original(String name) {
    return TinyBert.folder(name).resolve("adapter");
  }

  // ---- round trip ----

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert-classify-lora",
        "bert-mlm",
        "bert-multilabel-bitfit-bias",
        "bert-regress-lora-all-linear",
        "bert-tag-rslora-pattern"
      })
  void whatPeftWroteIsWrittenAgainByteForByte(String name) throws IOException {
    try (Model model = TinyBert.open(name)) {
      AdapterFolder folder = AdapterFolder.open(original(name));
      AdapterFolder.write(folder.attachTo(model), folder.json(), copy);
    }
    for (String file : new String[] {AdapterFolder.WEIGHTS, AdapterFolder.CONFIG}) {
      assertThat(copy.resolve(file)).hasSameBinaryContentAs(original(name).resolve(file));
    }
  }

  @Test
  void keysThatNobodyHereKnowsAreKept() throws IOException {
    change(json -> json.put("peft_version", "9.9").putObject("made_up").put("by", "another tool"));
    Path second = Files.createDirectory(copy.resolve("second"));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      AdapterFolder folder = AdapterFolder.open(copy);
      AdapterFolder.write(folder.attachTo(model), folder.json(), second);
    }
    assertThat(JSON.readTree(second.resolve(AdapterFolder.CONFIG).toFile()))
        .isEqualTo(JSON.readTree(copy.resolve(AdapterFolder.CONFIG).toFile()));
  }

  @Test
  void anAdapterReadFromAFolderIsNotTrainableYet() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = AdapterFolder.open(original(TinyBert.CLASSIFY)).attachTo(model);
      assertThat(adapter.parameters().values()).noneMatch(p -> p.original().requiresGrad());
      adapter.train();
      assertThat(adapter.parameters().values()).allMatch(p -> p.original().requiresGrad());
    }
  }

  // ---- folders that cannot be opened ----

  @Test
  void aFolderWithoutAConfigurationIsNoAdapter() {
    assertRefused(
        () -> AdapterFolder.open(copy),
        "COPY has no adapter_config.json: give the folder of an adapter");
  }

  @Test
  void aConfigurationThatIsNotAJsonObjectIsNamed() throws IOException {
    Files.writeString(copy.resolve(AdapterFolder.CONFIG), "[1]");
    assertRefused(() -> AdapterFolder.open(copy), "COPY/adapter_config.json is not a JSON object");
    Files.writeString(copy.resolve(AdapterFolder.CONFIG), "{peft_type: LORA}");
    assertThatThrownBy(() -> AdapterFolder.open(copy))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(copy.resolve(AdapterFolder.CONFIG) + " is not JSON: ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void anUnknownMethodIsNamedWithThoseThatAreKnown() throws IOException {
    change(json -> json.put("peft_type", "POLY"));
    assertThatThrownBy(() -> AdapterFolder.open(copy))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(
            "adapter_config.json: peft_type \"POLY\" is not supported; supported: ")
        .hasMessageContaining("LORA");
  }

  @Test
  void missingTensorsFileIsNamed() throws IOException {
    change(json -> {});
    Files.delete(copy.resolve(AdapterFolder.WEIGHTS));
    assertAttachRefused(TinyBert.CLASSIFY, "COPY/adapter_model.safetensors does not exist");
  }

  // ---- tensors that do not fit ----

  @Test
  void aMissingTensorIsNamed() throws IOException {
    changeTensors(tensors -> tensors.remove(QUERY_A));
    assertAttachRefused(
        TinyBert.CLASSIFY,
        "COPY: tensor \"" + QUERY_A + "\" is missing: was the adapter made for another base?");
  }

  @Test
  void anUnexpectedTensorIsNamedWithTheNearestPlace() throws IOException {
    String wrong = QUERY_A.replace("query", "qeury");
    changeTensors(tensors -> tensors.put(wrong, Objects.requireNonNull(tensors.remove(QUERY_A))));
    assertAttachRefused(
        TinyBert.CLASSIFY,
        "COPY: tensor \""
            + wrong
            + "\" has no place in this model; nearest: "
            + QUERY_A
            + ": was the adapter made for another base?");
  }

  @Test
  void aTensorOfAnotherShapeIsNamedWithBothShapes() throws IOException {
    changeTensors(tensors -> tensors.put(QUERY_A, Tensor.of(new float[4 * 16], 4, 16)));
    assertAttachRefused(
        TinyBert.CLASSIFY,
        "COPY: tensor \""
            + QUERY_A
            + "\" is [4, 16], this model asks for [4, 32]: was the adapter made for another base?");
  }

  @Test
  void anAdapterOfAnotherHeadHasNoPlaceInTheModel() throws IOException {
    change(json -> {});
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      assertThatThrownBy(() -> AdapterFolder.open(copy).attachTo(model))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(copy + ": tensor \"base_model.model.classifier.")
          .hasMessageEndingWith(": was the adapter made for another base?")
          .hasMessageNotContaining("\n");
      assertThat(model.projections().values()).noneMatch(ProjectionSlot::isFilled);
    }
  }

  // ---- helpers ----

  private void change(Consumer<ObjectNode> change) throws IOException {
    Path from = original(TinyBert.CLASSIFY);
    ObjectNode json = (ObjectNode) JSON.readTree(from.resolve(AdapterFolder.CONFIG).toFile());
    change.accept(json);
    JSON.writeValue(copy.resolve(AdapterFolder.CONFIG).toFile(), json);
    Files.copy(from.resolve(AdapterFolder.WEIGHTS), copy.resolve(AdapterFolder.WEIGHTS));
  }

  private void changeTensors(Consumer<Map<String, Tensor>> change) throws IOException {
    Path from = original(TinyBert.CLASSIFY);
    Files.copy(from.resolve(AdapterFolder.CONFIG), copy.resolve(AdapterFolder.CONFIG));
    Safetensors file = Safetensors.open(from.resolve(AdapterFolder.WEIGHTS));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.tensor(name)));
    change.accept(tensors);
    Safetensors.write(copy.resolve(AdapterFolder.WEIGHTS), tensors, file.metadata());
  }

  /** The folder in {@link #copy} is refused, and the model is left as it was without adapter. */
  private void assertAttachRefused(String name, String message) {
    try (Model model = TinyBert.open(name)) {
      Tensor base = TinyBert.logits(model);
      assertRefused(() -> AdapterFolder.open(copy).attachTo(model), message);
      assertThat(model.projections().values()).noneMatch(ProjectionSlot::isFilled);
      assertThat(TinyBert.logits(model).sameAs(base)).isTrue();
    }
  }

  private void assertRefused(Runnable work, String message) {
    assertThatThrownBy(work::run)
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("COPY", copy.toString()));
  }
}
