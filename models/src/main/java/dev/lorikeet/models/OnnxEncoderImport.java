package dev.lorikeet.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.OnnxEncoderGraph.Weight;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns a sentence encoder that was exported to ONNX (all-MiniLM-L6-v2, BGE, E5) back into the
 * Hugging Face folder of a {@code BertModel}. Such graphs have no pooler, and so has the folder.
 */
public final class OnnxEncoderImport {
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final String POSITIONS = "embeddings.position_embeddings.weight";
  private static final String SEGMENTS = "embeddings.token_type_embeddings.weight";
  private static final String LAYER = "encoder.layer.";
  private static final String FEED_FORWARD = ".intermediate.dense";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final OnnxEncoderGraph graph;

  private OnnxEncoderImport(OnnxEncoderGraph graph) {
    this.graph = graph;
  }

  /**
   * Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json.
   *
   * @param onnx the model, read to its end
   * @param tokenizerJson its tokenizer, read to its end
   * @throws LorikeetException when the graph is not that of a BERT encoder in float32, when the
   *     tokenizer does not fit it, or when the folder cannot be written
   */
  public static void importEncoder(InputStream onnx, InputStream tokenizerJson, Path folder) {
    OnnxEncoderImport encoder = new OnnxEncoderImport(OnnxEncoderGraph.read(onnx));
    ObjectNode tokenizer = readTokenizer(tokenizerJson);
    ObjectNode config =
        encoder.config(BertTokenizer.specialToken(tokenizer, "[PAD]").path("id").asInt(0));
    Map<String, List<Long>> shapes = shapes(config);
    encoder.mustHaveJust(shapes);
    OutputFolder.write(
        folder,
        ResultKind.MODEL,
        temporary -> {
          JSON.writeValue(temporary.resolve("config.json").toFile(), config);
          JSON.writeValue(temporary.resolve("tokenizer.json").toFile(), tokenizer);
          JSON.writeValue(
              temporary.resolve("tokenizer_config.json").toFile(),
              BertTokenizer.config(tokenizer, config));
          try (TextTokenizer written = TextTokenizer.open(temporary)) {
            written.mustFit(config.path("vocab_size").asInt());
          }
          encoder.writeWeights(temporary.resolve("model.safetensors"), shapes);
        });
  }

  /**
   * Imports the encoder in a jar, as {@link #importEncoder} does.
   *
   * @param jar with one .onnx file and one tokenizer.json
   * @throws LorikeetException when it lacks one of them or is damaged, or unpacked is a hundred
   *     times as large as it is
   */
  public static void importJar(Path jar, Path folder) throws IOException {
    try (ZipArchive archive = ZipArchive.open(jar);
        InputStream onnx = only(jar, archive, ".onnx");
        InputStream json = only(jar, archive, "tokenizer.json")) {
      importEncoder(onnx, json, folder);
    }
  }

  private static InputStream only(Path jar, ZipArchive archive, String ending) {
    List<String> names = archive.names(name -> name.endsWith(ending));
    if (names.isEmpty()) {
      throw new LorikeetException(jar + " has no file that ends in " + ending);
    }
    return archive.open(names.get(0));
  }

  // ---- config.json ----

  private ObjectNode config(int padTokenId) {
    for (String input : List.of("input_ids", "attention_mask", "token_type_ids")) {
      if (!graph.hasInput(input)) {
        throw notBert("it has no input \"" + input + "\"");
      }
    }
    if (!graph.has("Erf") && !graph.has("Gelu")) {
      throw notBert("it has neither an Erf nor a Gelu node");
    }
    long width = shape(WORDS, 2).get(1);
    double eps = graph.layerNormEps().orElse(1e-12);
    if (!(eps > 0 && eps < 1)) {
      throw notBert("its layer norms add " + eps + " to the variance");
    }
    ObjectNode config = JSON.createObjectNode();
    config.putArray("architectures").add("BertModel");
    return config
        .put("attention_probs_dropout_prob", 0.1)
        .put("hidden_act", "gelu")
        .put("hidden_dropout_prob", 0.1)
        .put("hidden_size", width)
        .put("initializer_range", 0.02)
        .put("intermediate_size", shape(LAYER + 0 + FEED_FORWARD + ".bias", 1).get(0))
        .put("layer_norm_eps", eps)
        .put("max_position_embeddings", shape(POSITIONS, 2).get(0))
        .put("model_type", "bert")
        .put("num_attention_heads", heads(width))
        .put("num_hidden_layers", layers())
        .put("pad_token_id", padTokenId)
        .put("position_embedding_type", "absolute")
        .put("torch_dtype", "float32")
        .put("type_vocab_size", shape(SEGMENTS, 2).get(0))
        .put("vocab_size", shape(WORDS, 2).get(0));
  }

  private long heads(long width) {
    long headSize =
        graph
            .headSize()
            .orElseThrow(
                () -> notBert("it has no Softmax of scores divided by the root of a head's width"));
    if (headSize == 0 || width % headSize != 0) {
      throw notBert("heads of width " + headSize + " do not divide the width " + width);
    }
    return width / headSize;
  }

  private int layers() {
    int layers = 0;
    while (graph.weights().containsKey(LAYER + layers + FEED_FORWARD + ".bias")) {
      layers++;
    }
    return layers;
  }

  private List<Long> shape(String name, int axes) {
    List<Long> shape = weight(name).shape();
    if (shape.size() != axes || shape.stream().anyMatch(size -> size < 1)) {
      throw notBert("its " + name + " is " + shape);
    }
    return shape;
  }

  // ---- model.safetensors ----

  /** The tensors of a BertModel without pooler. Axes: D width, I width inside the feed-forward. */
  private static Map<String, List<Long>> shapes(ObjectNode config) {
    long d = config.path("hidden_size").longValue();
    long i = config.path("intermediate_size").longValue();
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put(WORDS, List.of(config.path("vocab_size").longValue(), d));
    shapes.put(POSITIONS, List.of(config.path("max_position_embeddings").longValue(), d));
    shapes.put(SEGMENTS, List.of(config.path("type_vocab_size").longValue(), d));
    putLayerNorm(shapes, "embeddings", d);
    for (int layer = 0; layer < config.path("num_hidden_layers").intValue(); layer++) {
      String at = LAYER + layer;
      putLinear(shapes, at + ".attention.self.query", d, d);
      putLinear(shapes, at + ".attention.self.key", d, d);
      putLinear(shapes, at + ".attention.self.value", d, d);
      putLinear(shapes, at + ".attention.output.dense", d, d);
      putLayerNorm(shapes, at + ".attention.output", d);
      putLinear(shapes, at + FEED_FORWARD, i, d);
      putLinear(shapes, at + ".output.dense", d, i);
      putLayerNorm(shapes, at + ".output", d);
    }
    return shapes;
  }

  private static void putLinear(Map<String, List<Long>> shapes, String path, long out, long in) {
    shapes.put(path + ".weight", List.of(out, in));
    shapes.put(path + ".bias", List.of(out));
  }

  private static void putLayerNorm(Map<String, List<Long>> shapes, String path, long width) {
    shapes.put(path + ".LayerNorm.weight", List.of(width));
    shapes.put(path + ".LayerNorm.bias", List.of(width));
  }

  private void mustHaveJust(Map<String, List<Long>> shapes) {
    shapes.forEach(
        (name, shape) -> {
          Weight weight = weight(name);
          if (!weight.shape().equals(shape)) {
            throw notBert("its " + name + " is " + weight.shape() + ", not " + shape);
          }
          if (!weight.isWhole()) {
            throw notBert("its " + name + " does not lie in the graph, whole");
          }
        });
    for (String name : graph.weights().keySet()) {
      if (!shapes.containsKey(name)) {
        throw notBert("BERT has no \"" + name + "\" " + weight(name).shape());
      }
    }
  }

  private Weight weight(String name) {
    Weight weight = graph.weights().get(name);
    if (weight == null) {
      throw notBert("it has no float32 tensor \"" + name + "\"");
    }
    return weight;
  }

  private void writeWeights(Path file, Map<String, List<Long>> shapes) {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      shapes.keySet().forEach(name -> tensors.put(name, weight(name).tensor()));
      Safetensors.write(file, tensors, Map.of("format", "pt"));
    }
  }

  private static LorikeetException notBert(String reason) {
    return new LorikeetException(
        "the ONNX graph is not that of a BERT encoder as transformers exports it: " + reason);
  }

  // ---- the tokenizer ----

  private static ObjectNode readTokenizer(InputStream json) {
    try {
      if (JSON.readTree(json) instanceof ObjectNode tokenizer) {
        // Some carry a server's fixed length, which would cut and fill every text.
        return tokenizer.putNull("truncation").putNull("padding");
      }
      throw new LorikeetException("the encoder's tokenizer.json is not a JSON object");
    } catch (JsonProcessingException e) {
      throw new LorikeetException(
          "the encoder's tokenizer.json is not JSON: " + JsonFile.problem(e), e);
    } catch (IOException e) {
      throw new LorikeetException(
          "the encoder's tokenizer.json cannot be read: " + e.getMessage(), e);
    }
  }
}
