package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Graphs that are almost that of a BERT encoder, made from one that is: one layer, width 4. */
class OnnxEncoderRefusalTest {
  private static final String QUERY = "encoder.layer.0.attention.self.query";
  private static final String NOT_BERT =
      "the ONNX graph is not that of a BERT encoder as transformers exports it: ";

  @TempDir Path root;

  /**
   * Numbers in their own field, sums with swapped operands, norms as one node: as others export.
   */
  @Test
  void otherSpellingsOfTheSameGraphAreRead() throws IOException {
    Path folder = root.resolve("model");
    OnnxEncoderImport.importEncoder(
        stream(tinyBert().build()), resource("/tokenizers/wordpiece.json"), folder);
    JsonNode config = new ObjectMapper().readTree(folder.resolve("config.json").toFile());
    assertThat(config.path("num_attention_heads").intValue()).isEqualTo(2);
    assertThat(config.path("num_hidden_layers").intValue()).isEqualTo(1);
    assertThat(config.path("layer_norm_eps").doubleValue()).isEqualTo(1e-6);
    Checkpoint checkpoint = Checkpoint.open(folder);
    assertThat(checkpoint.names()).hasSize(5 + 16);
    try (Scope scope = Scope.open()) {
      assertThat(checkpoint.tensor("encoder.layer.0.intermediate.dense.weight").toFloats())
          .containsExactly(
              0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23);
      assertThat(checkpoint.tensor(QUERY + ".bias").toFloats()).containsExactly(0, 1, 2, 3);
    }
  }

  @Test
  void graphWithoutAnInput() {
    refused(edit(graph -> graph.removeInput(2)), NOT_BERT + "it has no input \"token_type_ids\"");
  }

  @Test
  void graphWithAnotherActivation() {
    refused(without("Erf"), NOT_BERT + "it has neither an Erf nor a Gelu node");
  }

  @Test
  void graphWithoutTheScaleOfItsScores() {
    refused(
        without("Div"),
        NOT_BERT + "it has no Softmax of scores divided by the root of a head's width");
  }

  @Test
  void headsThatDoNotDivideTheWidth() {
    refused(
        edit(graph -> replace(graph, constant("root", (float) Math.sqrt(3)))),
        NOT_BERT + "heads of width 3 do not divide the width 4");
  }

  @Test
  void graphThatLacksATensor() {
    refused(
        edit(graph -> remove(graph, "embeddings.word_embeddings.weight")),
        NOT_BERT + "it has no float32 tensor \"embeddings.word_embeddings.weight\"");
    refused(
        edit(graph -> remove(graph, QUERY + ".bias")),
        NOT_BERT + "it has no float32 tensor \"" + QUERY + ".weight\"");
  }

  @Test
  void graphInAnotherPrecision() {
    TensorProto half =
        TensorProto.newBuilder()
            .setName("embeddings.word_embeddings.weight")
            .setDataType(TensorProto.DataType.FLOAT16_VALUE)
            .addAllDims(List.of(11L, 4L))
            .build();
    refused(
        edit(graph -> replace(graph, half)),
        NOT_BERT + "it has no float32 tensor \"embeddings.word_embeddings.weight\"");
  }

  @Test
  void tensorOfAnotherShape() {
    refused(
        edit(graph -> replace(graph, tensor(QUERY + ".bias", 5))),
        NOT_BERT + "its " + QUERY + ".bias is [5], not [4]");
  }

  /** 2 to the 62 rows of 4 floats: their bytes are 0 in a long that overflows. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "11 | its WORDS is [11]",
        "11, 4, 1 | its WORDS is [11, 4, 1]",
        "-11, -4 | its WORDS is [-11, -4]",
        "11, 0 | its WORDS is [11, 0]",
        "4611686018427387904, 4 | its WORDS does not lie in the graph, whole",
        "1152921504606846976, 4 | its WORDS does not lie in the graph, whole",
      })
  void shapesThatNoEmbeddingHas(String shape, String reason) {
    String words = "embeddings.word_embeddings.weight";
    TensorProto.Builder odd = tensor(words).toBuilder().clearFloatData();
    Pattern.compile(", ").splitAsStream(shape).map(Long::valueOf).forEach(odd::addDims);
    refused(edit(graph -> replace(graph, odd.build())), NOT_BERT + reason.replace("WORDS", words));
  }

  @Test
  void nodesWithoutTheirInputsAndOutputs() {
    refused(
        edit(
            graph -> {
              graph.addNode(node("Constant", "none").toBuilder().clearOutput());
              graph.getNodeBuilderList().stream()
                  .filter(node -> node.getOpType().matches("MatMul|Div"))
                  .forEach(node -> node.clearInput());
            }),
        NOT_BERT + "it has no Softmax of scores divided by the root of a head's width");
  }

  @Test
  void layerNormsThatAddNoSmallNumber() {
    for (float eps : new float[] {0, -1e-6f, Float.NaN, Float.POSITIVE_INFINITY}) {
      refused(
          edit(
              graph ->
                  graph.getNodeBuilderList().stream()
                      .filter(node -> node.getOpType().equals("LayerNormalization"))
                      .forEach(node -> node.getAttributeBuilder(0).setF(eps))),
          NOT_BERT
              + "its layer norms add "
              + Double.parseDouble(Float.toString(eps))
              + " to the variance");
    }
  }

  @Test
  void weightsOutsideTheFile() {
    TensorProto outside =
        tensor(QUERY + ".bias", 4).toBuilder()
            .clearFloatData()
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .build();
    refused(
        edit(graph -> replace(graph, outside)),
        NOT_BERT + "its " + QUERY + ".bias does not lie in the graph, whole");
  }

  @Test
  void tensorThatBertHasNot() {
    refused(
        edit(graph -> graph.addInitializer(tensor("encoder.relative_bias", 4, 2))),
        NOT_BERT + "BERT has no \"encoder.relative_bias\" [4, 2]");
  }

  @Test
  void tokenizerThatExceedsTheVocabulary() throws IOException {
    Path folder = root.resolve("model");
    ModelProto model =
        edit(graph -> replace(graph, tensor("embeddings.word_embeddings.weight", 10, 4)));
    try (InputStream tokenizer = resource("/tokenizers/wordpiece.json")) {
      assertThatThrownBy(() -> OnnxEncoderImport.importEncoder(stream(model), tokenizer, folder))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "%s: token \",\" has id 10, the model's vocabulary has 10 entries:"
                  + " use the tokenizer that belongs to the model",
              folder.resolve("tokenizer.json"));
    }
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void filesThatAreNeitherAModelNorATokenizer() {
    InputStream noModel = new ByteArrayInputStream("not a model".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(
            () ->
                OnnxEncoderImport.importEncoder(
                    noModel, resource("/tokenizers/wordpiece.json"), root.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("the ONNX model cannot be read: ")
        .hasMessageNotContaining("\n");
    for (String json : List.of("{", "[]", "")) {
      InputStream noTokenizer = new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
      assertThatThrownBy(
              () ->
                  OnnxEncoderImport.importEncoder(
                      stream(tinyBert().build()), noTokenizer, root.resolve("model")))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("the encoder's tokenizer.json ")
          .hasMessageNotContaining("\n");
    }
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void fileWhereTheFolderShouldBe() throws IOException {
    Path file = Files.writeString(root.resolve("model"), "mine");
    assertThatThrownBy(
            () ->
                OnnxEncoderImport.importEncoder(
                    stream(tinyBert().build()), resource("/tokenizers/wordpiece.json"), file))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s is a file, and a folder is to be written there: choose another output", file);
  }

  private void refused(ModelProto model, String message) {
    assertThatThrownBy(
            () ->
                OnnxEncoderImport.importEncoder(
                    stream(model), resource("/tokenizers/wordpiece.json"), root.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
    assertThat(root).isEmptyDirectory();
  }

  // ---- the graph ----

  private static ModelProto.Builder tinyBert() {
    GraphProto.Builder graph = GraphProto.newBuilder();
    for (String input : List.of("input_ids", "attention_mask", "token_type_ids")) {
      graph.addInput(ValueInfoProto.newBuilder().setName(input));
    }
    graph
        .addInitializer(tensor("embeddings.word_embeddings.weight", 11, 4))
        .addInitializer(tensor("embeddings.position_embeddings.weight", 8, 4))
        .addInitializer(tensor("embeddings.token_type_embeddings.weight", 2, 4))
        .addInitializer(constant("root", (float) Math.sqrt(2)))
        .addInitializer(constant("half", 0.5f));
    addLayerNorm(graph, "embeddings.LayerNorm");
    addLinear(graph, "attention.self.query", 4, 4);
    addLinear(graph, "attention.self.key", 4, 4);
    addLinear(graph, "attention.self.value", 4, 4);
    graph.addNode(node("Div", "scaled", "scores", "root"));
    graph.addNode(node("Add", "masked", "mask", "scaled"));
    graph.addNode(node("Softmax", "probabilities", "masked"));
    addLinear(graph, "attention.output.dense", 4, 4);
    addLayerNorm(graph, "encoder.layer.0.attention.output.LayerNorm");
    addLinear(graph, "intermediate.dense", 4, 6);
    graph.addNode(node("Erf", "erf", "intermediate"));
    addLinear(graph, "output.dense", 6, 4);
    addLayerNorm(graph, "encoder.layer.0.output.LayerNorm");
    return ModelProto.newBuilder().setGraph(graph);
  }

  private static void addLinear(GraphProto.Builder graph, String linear, long in, long out) {
    String weight = "onnx::MatMul_" + graph.getNodeCount();
    String bias = "encoder.layer.0." + linear + ".bias";
    graph.addInitializer(tensor(weight, in, out)).addInitializer(tensor(bias, out));
    graph.addNode(node("MatMul", linear + "_product", "x", weight));
    graph.addNode(node("Add", linear, linear + "_product", bias));
  }

  private static void addLayerNorm(GraphProto.Builder graph, String path) {
    graph.addInitializer(tensor(path + ".weight", 4)).addInitializer(tensor(path + ".bias", 4));
    graph.addNode(
        node("LayerNormalization", path, "x", path + ".weight", path + ".bias").toBuilder()
            .addAttribute(AttributeProto.newBuilder().setName("epsilon").setF(1e-6f)));
  }

  private static NodeProto node(String operator, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setOpType(operator)
        .addAllInput(List.of(inputs))
        .addOutput(output)
        .build();
  }

  /** 0, 1, 2, ... in row-major order. */
  private static TensorProto tensor(String name, long... shape) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(TensorProto.DataType.FLOAT_VALUE);
    long count = 1;
    for (long size : shape) {
      tensor.addDims(size);
      count *= size;
    }
    for (int i = 0; i < count; i++) {
      tensor.addFloatData(i);
    }
    return tensor.build();
  }

  private static TensorProto constant(String name, float value) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.FLOAT_VALUE)
        .addFloatData(value)
        .build();
  }

  // ---- its edits ----

  private static ModelProto edit(Consumer<GraphProto.Builder> change) {
    ModelProto.Builder model = tinyBert();
    change.accept(model.getGraphBuilder());
    return model.build();
  }

  private static ModelProto without(String operator) {
    return edit(
        graph -> {
          List<NodeProto> kept =
              graph.getNodeList().stream()
                  .filter(node -> !node.getOpType().equals(operator))
                  .toList();
          graph.clearNode().addAllNode(kept);
        });
  }

  private static void remove(GraphProto.Builder graph, String initializer) {
    Predicate<TensorProto> other = tensor -> !tensor.getName().equals(initializer);
    List<TensorProto> kept = graph.getInitializerList().stream().filter(other).toList();
    graph.clearInitializer().addAllInitializer(kept);
  }

  private static void replace(GraphProto.Builder graph, TensorProto initializer) {
    remove(graph, initializer.getName());
    graph.addInitializer(initializer);
  }

  private static InputStream stream(ModelProto model) {
    return new ByteArrayInputStream(model.toByteArray());
  }

  private static InputStream resource(String name) {
    return Objects.requireNonNull(OnnxEncoderRefusalTest.class.getResourceAsStream(name));
  }
}
