package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxExportTest {
  private static final String QUERY = "bert.encoder.layer.1.attention.self.query.weight";

  @TempDir private Path temporary;
  private Path target;
  private Scope scope;

  @BeforeEach
  void open() {
    target = temporary.resolve("onnx");
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void theFolderHoldsTheModelItsConfigAndWhatTheCallerAdds() throws IOException {
    Golden golden = Golden.open("bert-classify-lora");
    golden
        .baseExport()
        .files(folder -> Files.writeString(folder.resolve("tokenizer.json"), "{}"))
        .write(target);
    assertThat(names(target))
        .containsExactlyInAnyOrder("model.onnx", "config.json", "tokenizer.json");
    assertThat(ModelConfig.read(target).json()).isEqualTo(golden.config().json());
    assertThat(Files.readString(target.resolve("config.json")))
        .startsWith("{\n  \"add_cross_attention\": false,\n  \"architectures\": [\n    \"Bert");
  }

  @Test
  void labelsAndRecipeTravelInTheModel() throws IOException {
    Golden.open("bert-classify-lora").baseExport().recipe("{\"seed\": 1}").write(target);
    try (OnnxModel model = OnnxModel.open(target.resolve("model.onnx"), 1)) {
      assertThat(model.metadata()).containsOnlyKeys("id2label", "lorikeet");
      assertThat(model.metadata()).containsEntry("lorikeet", "{\"seed\": 1}");
      assertThat(new ObjectMapper().readTree(model.metadata().get("id2label")).path("2").asText())
          .isEqualTo("LABEL_2");
    }
  }

  @Test
  void anExportThatNobodyChecksHasNoParity() {
    assertThat(Golden.open("bert-mlm").baseExport().write(target)).isEmpty();
  }

  @Test
  void aModelInBfloat16IsWrittenInFloat32() {
    Golden golden = Golden.open("bert-classify-lora");
    Map<String, Tensor> weights = golden.baseWeights();
    weights.replaceAll((name, tensor) -> tensor.to(DType.BFLOAT16));
    // bfloat16 rounds a weight by up to 2⁻⁹ of itself; here that moves the logits by 6e-4.
    Parity parity =
        new OnnxExport(golden.config(), golden.task(), weights)
            .verify(List.of(golden.batch("base")), 2e-3)
            .write(target)
            .orElseThrow();
    assertThat(parity.largestDifference()).isGreaterThan(1e-5);
  }

  @Test
  void anExportThatDisagreesWithTheTrainedModelIsNotWritten() {
    Golden golden = Golden.open("bert-classify-lora");
    Checked batch = golden.batch("base");
    batch.expectedLogits()[4] += 0.5f;
    OnnxExport export = golden.baseExport().verify(List.of(batch), ParityGate.DEFAULT_TOLERANCE);
    assertRefused(export)
        .hasMessageContaining("disagrees with the trained one: largest logit difference 0.5")
        .hasMessageContaining("(tolerance 1.0E-4) at row 2, logit 1: ");
  }

  @Test
  void nothingRemainsWhenTheCallersFilesCannotBeWritten() {
    OnnxExport export =
        Golden.open("bert-classify-lora")
            .baseExport()
            .files(
                folder -> {
                  throw new IOException("No space left on device");
                });
    assertRefused(export).hasMessageContaining(target + " cannot be written: the disk of ");
  }

  @Test
  void aMissingTensorIsNamed() {
    assertRefused(withWeights(weights -> weights.remove(QUERY)))
        .hasMessage(
            "the model has no tensor \"%s\", which its ONNX graph needs; nearest: %s",
            QUERY, QUERY.replace("layer.1", "layer.0"));
  }

  @Test
  void aTensorOfAnotherShapeIsNamedWithBothShapes() {
    assertRefused(withWeights(weights -> weights.put(QUERY, Tensor.of(new float[64], 32, 2))))
        .hasMessage(
            "tensor \"%s\" is [32, 2], config.json asks for [32, 32]: is this config.json from"
                + " another checkpoint?",
            QUERY);
  }

  @Test
  void aTensorThatIsNotFiniteIsNamed() {
    Tensor diverged = Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, 32, 32);
    assertRefused(withWeights(weights -> weights.put(QUERY, diverged)))
        .hasMessage(
            "tensor \"%s\" holds NaN or infinity: its training diverged; export an earlier"
                + " checkpoint",
            QUERY);
  }

  @Test
  void anUnknownActivationIsNamedWithThoseThatAreSupported() {
    assertRefused(withConfig(config -> config.put("hidden_act", "mish")))
        .hasMessage(
            "activation \"mish\" cannot be exported to ONNX; supported: gelu, gelu_new,"
                + " gelu_pytorch_tanh, relu, silu, swish, tanh");
  }

  @Test
  void anUnknownArchitectureIsNamedWithThoseThatAreSupported() {
    assertRefused(withConfig(config -> config.put("model_type", "gru")))
        .hasMessage("model_type \"gru\" cannot be exported to ONNX; supported: bert");
  }

  @Test
  void headsThatDoNotDivideTheWidthAreRefused() {
    assertRefused(withConfig(config -> config.put("num_attention_heads", 5)))
        .hasMessage(
            "config.json: hidden_size 32 is not a multiple of num_attention_heads 5: is this"
                + " config.json from another checkpoint?");
  }

  private OnnxExport withWeights(Consumer<Map<String, Tensor>> change) {
    Golden golden = Golden.open("bert-classify-lora");
    Map<String, Tensor> weights = golden.baseWeights();
    change.accept(weights);
    return new OnnxExport(golden.config(), golden.task(), weights);
  }

  private OnnxExport withConfig(Consumer<ObjectNode> change) {
    Golden golden = Golden.open("bert-classify-lora");
    ObjectNode json = golden.config().json();
    change.accept(json);
    return new OnnxExport(ModelConfig.of("config.json", json), golden.task(), golden.baseWeights());
  }

  /** The export fails with one line, and nothing at all is left of it. */
  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused(OnnxExport export) {
    AbstractThrowableAssert<?, ? extends Throwable> refusal =
        assertThatThrownBy(() -> export.write(target)).isInstanceOf(LorikeetException.class);
    assertThat(names(temporary)).isEmpty();
    return refusal.hasMessageNotContaining("\n");
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
