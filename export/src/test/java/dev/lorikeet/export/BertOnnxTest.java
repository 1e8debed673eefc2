package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("numeric")
class BertOnnxTest {
  @TempDir private Path temporary;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @FieldSource("dev.lorikeet.export.Golden#NAMES")
  void theExportedBaseAnswersAsTransformersDoes(String name) {
    Golden golden = Golden.open(name);
    assertThat(golden.batch("base").attentionMask()).contains(0, 1); // padding is part of the case
    Parity parity =
        golden
            .baseExport()
            .verify(List.of(golden.batch("base")), Golden.TOLERANCE)
            .write(temporary.resolve("onnx"))
            .orElseThrow();
    assertThat(parity.largestDifference()).isLessThanOrEqualTo(Golden.TOLERANCE);
    assertThat(parity.changedLabels()).isZero();
    assertThat(parity.rows()).isEqualTo(4);
  }

  @ParameterizedTest
  @FieldSource("dev.lorikeet.export.Golden#NAMES")
  void theExportOfWeightsThatPeftMergedAnswersAsPeftDoes(String name) {
    Golden golden = Golden.open(name);
    OnnxExport export = new OnnxExport(golden.config(), golden.task(), golden.mergedWeights());
    Parity parity =
        export
            .verify(List.of(golden.batch("merged")), Golden.TOLERANCE)
            .write(temporary.resolve("onnx"))
            .orElseThrow();
    assertThat(parity.rows()).isEqualTo(4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh"})
  void anEncoderAloneGivesTheHiddenStatesOfTheTrainedModel(String activation) throws IOException {
    Path folder = headless(activation);
    Golden golden = Golden.open("bert-classify-lora");
    ModelInput input = golden.input();
    try (Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      Checked batch = Checked.of(input, model.logits(input));
      new OnnxExport(model.config(), model.headType(), model.stateDict())
          .verify(List.of(batch), Golden.TOLERANCE)
          .write(temporary.resolve("onnx"));
    }
    assertThat(proto(temporary.resolve("onnx")).getGraph().getOutputList())
        .extracting(ValueInfoProto::getName)
        .containsExactly("last_hidden_state");
  }

  @Test
  void aDecoderOfItsOwnTakesThePlaceOfTheWordEmbeddings() {
    Golden golden = Golden.open("bert-mlm");
    Map<String, Tensor> weights = golden.baseWeights();
    weights.put("cls.predictions.decoder.weight", Tensor.zeros(DType.FLOAT32, Device.CPU, 96, 32));
    Tensor bias = golden.weight("cls.predictions.bias");
    Checked onlyTheBias = Checked.of(golden.input(), bias.expand(4, 10, 96));
    Parity parity =
        new OnnxExport(golden.config(), golden.task(), weights)
            .verify(List.of(onlyTheBias), Golden.TOLERANCE)
            .write(temporary.resolve("onnx"))
            .orElseThrow();
    assertThat(parity.largestDifference()).isZero();
  }

  /** The classifier's encoder, saved as transformers saves a BertModel: without {@code bert.}. */
  private Path headless(String activation) throws IOException {
    Golden golden = Golden.open("bert-classify-lora");
    ObjectNode config = golden.config().json().put("hidden_act", activation);
    config.putArray("architectures").add("BertModel");
    Path folder = Files.createDirectory(temporary.resolve("headless"));
    new ObjectMapper().writeValue(folder.resolve("config.json").toFile(), config);
    Map<String, Tensor> encoder =
        golden.baseWeights().entrySet().stream()
            .filter(entry -> entry.getKey().startsWith("bert."))
            .collect(
                Collectors.toMap(
                    entry -> entry.getKey().substring("bert.".length()), Map.Entry::getValue));
    Safetensors.write(folder.resolve("model.safetensors"), encoder, Map.of("format", "pt"));
    return folder;
  }

  @Test
  void inputsOutputsAndAxesHaveOptimumsNames() throws IOException {
    GraphProto graph = proto(export("bert-tag-rslora-pattern")).getGraph();
    assertThat(graph.getInputList())
        .map(BertOnnxTest::describe)
        .containsExactly(
            "input_ids 7 [batch_size, sequence_length]",
            "attention_mask 7 [batch_size, sequence_length]",
            "token_type_ids 7 [batch_size, sequence_length]");
    assertThat(graph.getOutputList())
        .map(BertOnnxTest::describe)
        .containsExactly("logits 1 [batch_size, sequence_length, 5]");
    assertThat(graph.getValueInfoList())
        .map(BertOnnxTest::describe)
        .containsExactly("/bert/embeddings/Add_1_output_0 1 [batch_size, sequence_length, 32]");
  }

  private static String describe(ValueInfoProto value) {
    List<String> axes =
        value.getType().getTensorType().getShape().getDimList().stream()
            .map(axis -> axis.hasDimParam() ? axis.getDimParam() : "" + axis.getDimValue())
            .toList();
    return value.getName() + " " + value.getType().getTensorType().getElemType() + " " + axes;
  }

  @Test
  void theFileNamesItsVersionsAndProducer() throws IOException {
    ModelProto model = proto(export("bert-mlm"));
    assertThat(model.getIrVersion()).isEqualTo(8);
    assertThat(model.getOpsetImportList()).hasSize(1);
    assertThat(model.getOpsetImport(0).getDomain()).isEmpty();
    assertThat(model.getOpsetImport(0).getVersion()).isEqualTo(17);
    assertThat(model.getProducerName()).isEqualTo("lorikeet");
    assertThat(model.getProducerVersion()).isNotEmpty();
  }

  @ParameterizedTest
  @FieldSource("dev.lorikeet.export.Golden#NAMES")
  void everyWeightIsThereOnceUnderItsNameInTheCheckpoint(String name) throws IOException {
    List<String> stored =
        proto(export(name)).getGraph().getInitializerList().stream()
            .map(TensorProto::getName)
            .filter(weight -> weight.contains("."))
            .filter(weight -> !weight.startsWith("float_"))
            .toList();
    assertThat(stored)
        .containsExactlyInAnyOrderElementsOf(Golden.open(name).baseWeights().keySet());
  }

  @Test
  void nodesAreNamedByTheModulesThatTheyComeFrom() throws IOException {
    assertThat(proto(export("bert-classify-lora")).getGraph().getNodeList())
        .extracting(NodeProto::getName)
        .contains(
            "/bert/embeddings/word_embeddings/Gather",
            "/bert/encoder/layer.1/attention/self/query/MatMul",
            "/bert/encoder/layer.1/attention/self/MatMul_1",
            "/bert/encoder/layer.1/attention/output/LayerNorm/LayerNormalization",
            "/bert/pooler/activation/Tanh",
            "/classifier/Add")
        .doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gelu", "gelu_new"})
  void onnxRuntimeFusesTheActivationAndTheNormsOfTheSums(String activation)
      throws IOException, OrtException {
    Golden golden = Golden.open("bert-classify-lora");
    ModelConfig config =
        ModelConfig.of("config.json", golden.config().json().put("hidden_act", activation));
    Path folder = temporary.resolve("onnx");
    new OnnxExport(config, golden.task(), golden.baseWeights()).write(folder);
    Map<String, Long> operators =
        optimized(folder).getGraph().getNodeList().stream()
            .collect(Collectors.groupingBy(NodeProto::getOpType, Collectors.counting()));
    assertThat(operators)
        .containsEntry("SkipLayerNormalization", 4L)
        .containsEntry(activation.equals("gelu") ? "BiasGelu" : "FastGelu", 2L)
        .doesNotContainKeys("Erf", "Pow", "Div");
  }

  private ModelProto optimized(Path folder) throws IOException, OrtException {
    Path file = temporary.resolve("optimized.onnx");
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setOptimizedModelFilePath(file.toString());
      OrtEnvironment.getEnvironment()
          .createSession(folder.resolve("model.onnx").toString(), options)
          .close();
    }
    return ModelProto.parseFrom(Files.readAllBytes(file));
  }

  private Path export(String name) {
    Path folder = temporary.resolve(name);
    Golden.open(name).baseExport().write(folder);
    return folder;
  }

  private static ModelProto proto(Path folder) throws IOException {
    return ModelProto.parseFrom(Files.readAllBytes(folder.resolve("model.onnx")));
  }
}
