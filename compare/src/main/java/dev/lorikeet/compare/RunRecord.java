package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.KnownBase;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.MaskingConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * {@code lorikeet.json}, written beside every model and adapter: what PEFT's and transformers'
 * files do not say (labels of an adapter, the texts' length), the base's hash, the versions, what
 * the CPU computed with, and what the run says of itself.
 */
final class RunRecord {
  static final String FILE = KnownBase.FILE;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private static final int DEFAULT_MAX_LENGTH = 512;

  private final ObjectNode json;

  private RunRecord(ObjectNode json) {
    this.json = json;
  }

  /** What a folder says, which is nothing where another program wrote it. */
  static RunRecord read(Path folder) {
    Path file = folder.resolve(FILE);
    if (!Files.exists(file)) {
      return new RunRecord(JsonNodeFactory.instance.objectNode());
    }
    if (JsonFile.read(file) instanceof ObjectNode json) {
      return new RunRecord(json);
    }
    throw new LorikeetException(file + " is not a JSON object");
  }

  /** What can be said of a model without its run. */
  static ObjectNode of(TextModel model) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("task", model.task().id());
    if (model.task().hasProblemTypes()) {
      json.put("problem_type", model.model().config().problemType().id());
    }
    if (model.labels() != null) {
      model.labels().names().forEach(json.putArray("labels")::add);
    }
    if (!model.task().readsImages()) {
      json.put("max_length", model.maxLength());
    }
    if (model.padToken() != null) {
      json.put("pad_token", model.padToken());
    }
    if (model.task().learnsChats()) {
      json.put("train_on", model.trainOn().id());
    }
    if (model.task().hidesTokens()) {
      json.put("mlm_probability", model.masking().mlmProbability());
      json.put("whole_word_mask", model.masking().wholeWordMask());
    }
    if (model.model().checkpoint() != null) {
      KnownBase.of(model.model().checkpoint()).write(json);
    }
    json.set("versions", versions());
    json.set("cpu", cpu());
    return json;
  }

  /** Writes what can be said of the model, and below it {@code run}'s own keys. */
  static void write(TextModel model, ObjectNode run, Path folder) {
    try {
      JSON.writeValue(folder.resolve(FILE).toFile(), of(model).setAll(run));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes what of this is true of an adapter made of this one and others, and how it was made. */
  void writeDerived(ObjectNode combination, Path folder) throws IOException {
    ObjectNode derived = json.deepCopy();
    derived.retain(
        "task",
        "problem_type",
        "labels",
        "max_length",
        "pad_token",
        "train_on",
        "mlm_probability",
        "whole_word_mask",
        "base");
    derived.set("versions", versions());
    derived.set("cpu", cpu());
    derived.set("combination", combination);
    JSON.writeValue(folder.resolve(FILE).toFile(), derived);
  }

  private static ObjectNode versions() {
    String version = RunRecord.class.getPackage().getImplementationVersion();
    return JsonNodeFactory.instance
        .objectNode()
        .put("lorikeet", version == null ? "development" : version)
        .put("libtorch", Torch.version())
        .put("java", Runtime.version().toString());
  }

  /** What decides the last bits besides the versions: see docs/determinism.md. */
  private static ObjectNode cpu() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("capability", Torch.cpuCapability())
        .put("threads", Torch.threads());
  }

  /**
   * The texts' length: as written, else the most that model and tokenizer take, 512 at most.
   *
   * @param tokenizerMaxLength the most that the tokenizer's files name
   */
  int maxLength(ModelConfig config, int tokenizerMaxLength) {
    JsonNode length = json.path("max_length");
    if (length.isMissingNode() || length.isNull()) {
      return Math.min(DEFAULT_MAX_LENGTH, Math.min(config.maxTokens(), tokenizerMaxLength));
    }
    if (!length.isInt() || length.intValue() < 1) {
      throw new LorikeetException(
          FILE + ": \"max_length\" must be a number of tokens from 1 on, not " + length);
    }
    return length.intValue();
  }

  /** The padding token that the run was given; null where it was given none. */
  @Nullable String padToken() {
    return json.path("pad_token").textValue();
  }

  /** What the run learned of texts of a length, and what is therefore scored. */
  TextSettings settings(int maxLength) {
    MaskingConfig usual = MaskingConfig.DEFAULT;
    return new TextSettings(
        maxLength,
        TrainOn.of(json.path("train_on").asText(TrainOn.ASSISTANT.id())),
        new MaskingConfig(
            json.path("mlm_probability").asDouble(usual.mlmProbability()),
            json.path("whole_word_mask").asBoolean(usual.wholeWordMask())));
  }

  /** The options with task, labels and problem type filled in where they do not name a task. */
  ModelOptions complete(ModelOptions options, Path checkpoint, @Nullable AdapterFolder adapter) {
    if (adapter == null && options.headType() == null) {
      return options;
    }
    ModelConfig config = ModelConfig.read(checkpoint);
    HeadType task = options.headType() != null ? options.headType() : task(adapter, config);
    if (task == null) {
      return options;
    }
    String problemType = json.path("problem_type").asText("");
    return options
        .withHead(task, labels(task, config, adapter))
        .withProblemType(
            problemType.isEmpty() ? options.problemType() : ProblemType.of(problemType));
  }

  private @Nullable HeadType task(@Nullable AdapterFolder adapter, ModelConfig config) {
    if (json.has("task")) {
      return Tasks.named(json.path("task").asText()).headType();
    }
    String peftType = adapter == null ? "" : adapter.json().path("task_type").asText("");
    HeadType head = HeadType.ofPeft(peftType);
    return head != null ? head : config.headType();
  }

  /** The labels as written; else those of config.json, or as many as the adapter's head has. */
  List<String> labels(HeadType task, ModelConfig config, @Nullable AdapterFolder adapter) {
    List<String> labels = new ArrayList<>();
    JsonNode written = json.path("labels");
    written.forEach(label -> labels.add(label.asText()));
    if (!labels.isEmpty()) {
      return labels;
    }
    int outputs =
        adapter == null || task.isLanguageModel() ? -1 : adapter.outputs(config.headModules(task));
    return outputs < 0 || outputs == config.labels().size() ? config.labels() : numbered(outputs);
  }

  /**
   * Checks that another run learned the same task, and the same labels in the same order, where
   * both say theirs.
   *
   * @throws UsageException when it did not
   */
  void mustBeLike(String name, Path otherFolder, String otherName) {
    ObjectNode others = read(otherFolder).json;
    for (String key : List.of("task", "problem_type", "labels")) {
      JsonNode own = json.path(key);
      JsonNode other = others.path(key);
      if (!own.isMissingNode() && !other.isMissingNode() && !own.equals(other)) {
        String called = key.replace('_', ' ');
        throw new UsageException(
            ("adapter " + name + " has the " + called + " " + own + ", " + otherName + " " + other)
                + ": adapters of one model answer with the same "
                + called);
      }
    }
  }

  /** transformers' names for labels without names. */
  static List<String> numbered(int count) {
    return IntStream.range(0, count).mapToObj(id -> "LABEL_" + id).toList();
  }
}
