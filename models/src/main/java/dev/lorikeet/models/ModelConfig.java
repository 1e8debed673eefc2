package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's {@code config.json}. All its keys are kept and written back, known or not; the
 * typed readers name the file and the key when a value is missing or of the wrong kind.
 */
public final class ModelConfig {
  private final String place;
  private final ObjectNode json;

  private ModelConfig(String place, ObjectNode json) {
    this.place = place;
    this.json = json;
  }

  /**
   * Reads {@code folder/config.json}.
   *
   * @throws LorikeetException when the file is missing or not a JSON object
   */
  public static ModelConfig read(Path folder) {
    Path file = folder.resolve("config.json");
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(
          folder + " has no config.json: give the folder of a Hugging Face checkpoint");
    }
    return readFile(file);
  }

  /**
   * Reads a configuration that may have another name and lie alone.
   *
   * @throws LorikeetException when the file is missing or not a JSON object
   */
  public static ModelConfig readFile(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(file + " does not exist: give the config.json of a model");
    }
    return of(file.toString(), JsonFile.read(file));
  }

  /**
   * A configuration given as JSON.
   *
   * @param place what error messages call it
   * @throws LorikeetException when {@code json} is not an object
   */
  public static ModelConfig of(String place, JsonNode json) {
    if (!(json instanceof ObjectNode object)) {
      throw new LorikeetException(place + " is not a JSON object");
    }
    return new ModelConfig(place, object.deepCopy());
  }

  /** A copy of the whole configuration. */
  public ObjectNode json() {
    return json.deepCopy();
  }

  /** The architecture's name, such as {@code bert}. */
  public String modelType() {
    return text("model_type");
  }

  /**
   * A whole number.
   *
   * @throws LorikeetException when there is none, or it is a size that no model has
   */
  public int integer(String key) {
    JsonNode value = json.path(key);
    if (!value.isIntegralNumber()) {
      throw wrong(key, "a whole number", value);
    }
    SizeLimits.Range range = SizeLimits.of(key);
    if (!value.canConvertToInt()
        || value.intValue() < range.least()
        || value.intValue() > range.most()) {
      throw wrong(key, "from " + range.least() + " to " + range.most(), value);
    }
    return value.intValue();
  }

  public double number(String key, double otherwise) {
    JsonNode value = json.path(key);
    if (absent(value)) {
      return otherwise;
    }
    return number(key, value);
  }

  public double number(String key) {
    return number(key, json.path(key));
  }

  /** Models compute in float32 at most. */
  private double number(String key, JsonNode value) {
    if (!value.isNumber() || !Float.isFinite(value.floatValue())) {
      throw wrong(key, value.isNumber() ? "a number that float32 holds" : "a number", value);
    }
    return value.doubleValue();
  }

  public int integer(String key, int otherwise) {
    return has(key) ? integer(key) : otherwise;
  }

  public boolean flag(String key, boolean otherwise) {
    JsonNode value = json.path(key);
    if (absent(value)) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw wrong(key, "true or false", value);
    }
    return value.booleanValue();
  }

  /** Whether the key is there with a value other than null. */
  public boolean has(String key) {
    return !absent(json.path(key));
  }

  /** What the file is called in error messages. */
  public String place() {
    return place;
  }

  /** A key's value as it is; missing where the key is. */
  public JsonNode get(String key) {
    return json.path(key);
  }

  public String text(String key) {
    JsonNode value = json.path(key);
    if (!value.isTextual()) {
      throw wrong(key, "a string", value);
    }
    return value.textValue();
  }

  public String text(String key, String otherwise) {
    return absent(json.path(key)) ? otherwise : text(key);
  }

  /**
   * Refuses a setting that changes the arithmetic in a way that is not built here.
   *
   * @throws LorikeetException when {@code key} is there and is not {@code supported}
   */
  public void mustBe(String key, String supported) {
    JsonNode value = json.path(key);
    if (!absent(value) && !value.asText().equals(supported)) {
      throw new LorikeetException(
          place
              + ": "
              + key
              + " is "
              + value
              + ", and only "
              + supported
              + " is supported: the model would compute something else");
    }
  }

  /**
   * Refuses a setting that changes the arithmetic in a way that is not built here.
   *
   * @throws LorikeetException when {@code key} is there with a value other than null
   */
  public void mustBeAbsent(String key) {
    if (has(key)) {
      throw new LorikeetException(
          place
              + ": "
              + key
              + " is "
              + json.path(key)
              + ", and is not supported: the model would compute something else");
    }
  }

  /** The names of the classes in the order of their ids; empty when config.json names none. */
  public List<String> labels() {
    JsonNode id2label = json.path("id2label");
    List<String> labels = new ArrayList<>();
    for (int id = 0; id < id2label.size(); id++) {
      JsonNode label = id2label.path(Integer.toString(id));
      if (label.isMissingNode()) {
        throw new LorikeetException(
            place + ": id2label has " + id2label.size() + " entries but none for id " + id);
      }
      labels.add(label.asText());
    }
    return labels;
  }

  /** The number of outputs of a classification head: of id2label, else num_labels, else 2. */
  public int labelCount() {
    List<String> labels = labels();
    return labels.isEmpty() ? integer("num_labels", 2) : labels.size();
  }

  /**
   * What a sequence's labels are: as written, else regression for one label, else one of several.
   */
  public ProblemType problemType() {
    String type = text("problem_type", "");
    if (!type.isEmpty()) {
      return ProblemType.of(type);
    }
    return labelCount() == 1 ? ProblemType.REGRESSION : ProblemType.SINGLE_LABEL;
  }

  /** The most tokens that the model has places for. */
  public int maxTokens() {
    return Architectures.of(this).maxTokens(this);
  }

  /**
   * The most tokens that the model can read: {@link #maxTokens}, and any number where its rotations
   * are scaled to go beyond.
   */
  public int mostTokens() {
    return Architectures.of(this).mostTokens(this);
  }

  /**
   * Checks that there is a kind of head.
   *
   * @throws LorikeetException when there is none, with those there are
   */
  public void mustHaveHead(HeadType type) {
    List<HeadType> heads = Architectures.of(this).heads();
    if (heads.stream().noneMatch(head -> head.standsFor(type))) {
      throw new LorikeetException(
          "model_type \""
              + modelType()
              + "\" has no head for "
              + type.id()
              + "; it has heads for "
              + heads.stream().map(HeadType::id).collect(Collectors.joining(", ")));
    }
  }

  /**
   * The modules of a head.
   *
   * @throws LorikeetException when there is no head for it
   */
  public HeadModules headModules(HeadType type) {
    mustHaveHead(type);
    return Architectures.of(this).headModules(this, type);
  }

  /** The name before a layer's number in the paths of modules in memory: {@code layers}. */
  public String layerPattern() {
    return Architectures.of(this).layerPattern();
  }

  /**
   * The modules that PEFT adapts with a method where nobody says which; none where it has no choice
   * for the architecture.
   *
   * @param peftType PEFT's name of the method: {@code LORA}
   */
  public List<String> defaultTargets(String peftType) {
    return Architectures.of(this).defaultTargets(peftType);
  }

  /** Of (IA)³'s {@link #defaultTargets} those whose inputs are scaled. */
  public List<String> feedForwardTargets() {
    return Architectures.of(this).feedForwardTargets();
  }

  /** The head that the checkpoint's class has ({@code architectures}), or null when it has none. */
  public @Nullable HeadType headType() {
    return HeadType.ofClass(json.path("architectures").path(0).asText(""));
  }

  /**
   * This configuration with another head.
   *
   * @param labels the classes' names in the order of their ids; empty for a masked LM
   * @param problemType for sequence classification; null otherwise
   */
  public ModelConfig withHead(
      HeadType type, List<String> labels, @Nullable ProblemType problemType) {
    ObjectNode changed = json();
    changed.putArray("architectures").add(Architectures.of(this).className(type));
    if (!labels.isEmpty()) {
      ObjectNode id2label = changed.putObject("id2label");
      ObjectNode label2id = changed.putObject("label2id");
      for (int id = 0; id < labels.size(); id++) {
        id2label.put(Integer.toString(id), labels.get(id));
        label2id.put(labels.get(id), id);
      }
      changed.remove("num_labels");
    }
    if (problemType != null) {
      changed.put("problem_type", problemType.id());
    }
    return new ModelConfig(place, changed);
  }

  /**
   * This configuration with a padding token.
   *
   * @throws UsageException when it has another one, which the weights may have learned
   */
  ModelConfig withPadTokenId(int id) {
    if (has("pad_token_id") && integer("pad_token_id") != id) {
      throw new UsageException(
          (place + " has pad_token_id " + integer("pad_token_id"))
              + (", the padding token that was given has id " + id)
              + ": leave it out (--pad-token is for models without one)");
    }
    return new ModelConfig(place, json().put("pad_token_id", id));
  }

  /** This configuration with a key set. */
  ModelConfig withFlag(String key, boolean value) {
    return new ModelConfig(place, json().put(key, value));
  }

  /** This configuration with a number set. */
  ModelConfig withNumber(String key, double value) {
    return new ModelConfig(place, json().put(key, value));
  }

  private static boolean absent(JsonNode value) {
    return value.isMissingNode() || value.isNull();
  }

  private LorikeetException wrong(String key, String kind, JsonNode value) {
    return new LorikeetException(
        absent(value)
            ? place + " lacks \"" + key + "\", which must be " + kind
            : place + ": \"" + key + "\" must be " + kind + ", not " + value);
  }
}
