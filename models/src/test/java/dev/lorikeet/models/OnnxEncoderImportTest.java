package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The import of all-MiniLM-L6-v2, against its own ONNX graph in ONNX Runtime. */
@Tag("numeric")
class OnnxEncoderImportTest {
  private static final String ONNX = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";
  private static final String EMBEDDINGS = "/embeddings/LayerNorm/Add_1_output_0";
  private static final long[] IDS = {101, 1045, 5223, 2023, 102, 2061, 2172, 102};
  private static final long[] SEGMENTS = {0, 0, 0, 0, 0, 1, 1, 1};
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir static Path miniLm;

  /** A linear layer in the graph: its path in the checkpoint, what goes in and what comes out. */
  private record LinearNode(String path, String input, String output) {}

  private static final List<LinearNode> LINEARS = new ArrayList<>();

  /** What ONNX Runtime computes for one text of eight tokens, by the graph's names. */
  private static final Map<String, float[]> VALUES = new HashMap<>();

  private Scope scope;

  @BeforeAll
  static void importAndRun() throws IOException, OrtException {
    try (InputStream onnx = resource(ONNX);
        InputStream tokenizer = resource(TOKENIZER)) {
      OnnxEncoderImport.importEncoder(onnx, tokenizer, miniLm);
    }
    try (InputStream onnx = resource(ONNX)) {
      run(ModelProto.parseFrom(onnx));
    }
  }

  /** Makes every linear layer's input and output, and the embeddings, outputs of the graph. */
  private static void run(ModelProto onnx) throws OrtException {
    ModelProto.Builder model = onnx.toBuilder();
    Map<String, NodeProto> nodes = new HashMap<>();
    onnx.getGraph().getNodeList().forEach(node -> nodes.put(node.getName(), node));
    for (String path : linearPaths()) {
      String name = "/" + path.replace('.', '/').replaceFirst("layer/", "layer.");
      LINEARS.add(
          new LinearNode(
              path,
              Objects.requireNonNull(nodes.get(name + "/MatMul")).getInput(0),
              Objects.requireNonNull(nodes.get(name + "/Add")).getOutput(0)));
    }
    Set<String> wanted = new TreeSet<>(Set.of(EMBEDDINGS));
    LINEARS.forEach(linear -> wanted.addAll(List.of(linear.input(), linear.output())));
    for (String value : wanted) {
      model.getGraphBuilder().addOutput(ValueInfoProto.newBuilder().setName(value));
    }
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(model.build().toByteArray());
        OnnxTensor ids = OnnxTensor.createTensor(environment, new long[][] {IDS});
        OnnxTensor mask =
            OnnxTensor.createTensor(environment, new long[][] {{1, 1, 1, 1, 1, 1, 1, 1}});
        OnnxTensor segments = OnnxTensor.createTensor(environment, new long[][] {SEGMENTS});
        OrtSession.Result result =
            session.run(
                Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", segments),
                wanted)) {
      result.forEach(output -> VALUES.put(output.getKey(), floats((OnnxTensor) output.getValue())));
    }
  }

  private static List<String> linearPaths() {
    return IntStream.range(0, 6)
        .boxed()
        .flatMap(
            layer ->
                Stream.of(
                        "attention.self.query",
                        "attention.self.key",
                        "attention.self.value",
                        "attention.output.dense",
                        "intermediate.dense",
                        "output.dense")
                    .map(linear -> "encoder.layer." + layer + "." + linear))
        .toList();
  }

  private static float[] floats(OnnxTensor tensor) {
    FloatBuffer buffer = tensor.getFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void tensorsHaveTheNamesAndShapesOfABertModel() {
    Checkpoint checkpoint = Checkpoint.open(miniLm);
    assertThat(checkpoint.names())
        .hasSize(101)
        .allMatch(name -> name.startsWith("embeddings.") || name.startsWith("encoder.layer."))
        .doesNotContain("embeddings.position_ids");
    assertThat(checkpoint.shape("embeddings.word_embeddings.weight")).containsExactly(30522, 384);
    assertThat(checkpoint.shape("encoder.layer.5.intermediate.dense.weight"))
        .containsExactly(1536, 384);
    assertThat(checkpoint.shape("encoder.layer.5.output.dense.weight")).containsExactly(384, 1536);
  }

  /**
   * The import names layers after their biases. The nodes' names are independent of that: the layer
   * of a node's name must make the node's output from the node's input.
   */
  @Test
  void everyLinearLayerComputesWhatTheNodeOfItsNameDoes() {
    Checkpoint checkpoint = Checkpoint.open(miniLm);
    assertThat(LINEARS).hasSize(36);
    for (LinearNode linear : LINEARS) {
      Tensor weight = checkpoint.tensor(linear.path() + ".weight");
      Tensor x = Tensor.of(value(linear.input()), IDS.length, weight.size(1));
      Tensor y = Ops.linear(x, weight, checkpoint.tensor(linear.path() + ".bias"));
      assertNear(y, value(linear.output()), linear.path());
    }
  }

  @Test
  void embeddingsAreThoseOfTheGraph() throws IOException {
    Checkpoint checkpoint = Checkpoint.open(miniLm);
    Tensor sum =
        Ops.embedding(table(checkpoint, "word"), Tensor.of(IDS, IDS.length))
            .add(Ops.embedding(table(checkpoint, "token_type"), Tensor.of(SEGMENTS, IDS.length)))
            .add(table(checkpoint, "position").narrow(0, 0, IDS.length));
    Tensor embeddings =
        Ops.layerNorm(
            sum,
            checkpoint.tensor("embeddings.LayerNorm.weight"),
            checkpoint.tensor("embeddings.LayerNorm.bias"),
            json("config.json").path("layer_norm_eps").doubleValue());
    assertNear(embeddings, value(EMBEDDINGS), "embeddings");
  }

  private static Tensor table(Checkpoint checkpoint, String kind) {
    return checkpoint.tensor("embeddings." + kind + "_embeddings.weight");
  }

  private static float[] value(String name) {
    return Objects.requireNonNull(VALUES.get(name));
  }

  /** Two libraries add up to 1,536 float32 products in different orders: 1e-5 of the largest. */
  private static void assertNear(Tensor actual, float[] expected, String what) {
    float[] values = actual.toFloats();
    float largest = 0;
    float difference = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(values[i] - expected[i]));
    }
    assertThat(values).as(what).hasSameSizeAs(expected);
    assertThat(largest).as(what).isGreaterThan(0.1f);
    assertThat(difference).as(what).isLessThan(1e-5f * largest);
  }

  @Test
  void configIsThatOfTheOriginal() throws IOException {
    assertThat(json("config.json"))
        .isEqualTo(
            JSON.readTree(
                """
                {"architectures": ["BertModel"], "attention_probs_dropout_prob": 0.1,
                 "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 384,
                 "initializer_range": 0.02, "intermediate_size": 1536, "layer_norm_eps": 1e-12,
                 "max_position_embeddings": 512, "model_type": "bert",
                 "num_attention_heads": 12, "num_hidden_layers": 6, "pad_token_id": 0,
                 "position_embedding_type": "absolute", "torch_dtype": "float32",
                 "type_vocab_size": 2, "vocab_size": 30522}
                """));
  }

  @Test
  void tokenizerIsTheOriginalWithoutItsFixedLength() throws IOException {
    JsonNode tokenizer = json("tokenizer.json");
    assertThat(tokenizer.path("truncation").isNull()).isTrue();
    assertThat(tokenizer.path("padding").isNull()).isTrue();
    try (InputStream in = resource(TOKENIZER)) {
      JsonNode original = JSON.readTree(in);
      for (String part : List.of("model", "added_tokens", "normalizer", "post_processor")) {
        assertThat(tokenizer.path(part)).isEqualTo(original.path(part));
      }
    }
    assertThat(json("tokenizer_config.json"))
        .isEqualTo(
            JSON.readTree(
                """
                {"clean_up_tokenization_spaces": true, "do_lower_case": true,
                 "model_max_length": 512, "tokenizer_class": "BertTokenizer",
                 "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]",
                 "sep_token": "[SEP]", "unk_token": "[UNK]"}
                """));
  }

  private static JsonNode json(String name) throws IOException {
    return JSON.readTree(miniLm.resolve(name).toFile());
  }

  private static InputStream resource(String name) {
    return Objects.requireNonNull(OnnxEncoderImportTest.class.getResourceAsStream(name));
  }
}
