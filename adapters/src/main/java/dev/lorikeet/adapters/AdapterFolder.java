package dev.lorikeet.adapters;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.HeadModules;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An adapter on disk, as PEFT keeps it: {@code adapter_config.json} and {@code
 * adapter_model.safetensors} (<a
 * href="https://huggingface.co/docs/peft/developer_guides/checkpoint">the format</a>). Keys of the
 * configuration that nothing here knows are kept.
 */
public final class AdapterFolder {
  /** The file of settings. */
  public static final String CONFIG = "adapter_config.json";

  private static final String PICKLE = "adapter_model.bin";

  /** What the file of tensors says of itself. */
  static final Map<String, String> METADATA = Map.of("format", "pt");

  /** The file of tensors. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  /**
   * Whether the adapted weights are stored transposed. PEFT sees for itself whether they are, and
   * so do we: whatever a file says is read as what is true of the model.
   */
  private static final String FAN_IN_FAN_OUT = "fan_in_fan_out";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;
  private final ObjectNode json;
  private final AdapterConfig config;
  private final boolean anyBase;

  private AdapterFolder(Path folder, ObjectNode json, AdapterConfig config, boolean anyBase) {
    this.folder = folder;
    this.json = json;
    this.config = config;
    this.anyBase = anyBase;
  }

  /**
   * Reads the settings of a saved adapter; its tensors are read by {@link #attachTo}.
   *
   * @throws LorikeetException when the folder has no adapter, or one of a method that is not
   *     supported
   */
  public static AdapterFolder open(Path folder) {
    Path file = folder.resolve(CONFIG);
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(folder + " has no " + CONFIG + ": give the folder of an adapter");
    }
    if (!(JsonFile.read(file) instanceof ObjectNode json)) {
      throw new LorikeetException(file + " is not a JSON object");
    }
    return new AdapterFolder(folder, json, method(json, file).read(json), false);
  }

  private static AdapterMethod method(JsonNode json, Path file) {
    String type = json.path("peft_type").asText("");
    return AdapterMethods.ofType(type)
        .orElseThrow(
            () ->
                new LorikeetException(
                    file
                        + ": peft_type \""
                        + type
                        + "\" is not supported; supported: "
                        + String.join(", ", AdapterMethods.types())));
  }

  /** The same adapter, for whatever base its tensors fit. */
  public AdapterFolder onAnyBase() {
    return new AdapterFolder(folder, json, config, true);
  }

  /** Where it lies. */
  public Path folder() {
    return folder;
  }

  public AdapterConfig config() {
    return config;
  }

  /** What is known of the base that the adapter was trained on. */
  public KnownBase base() {
    return KnownBase.read(folder);
  }

  /** All of adapter_config.json. */
  public ObjectNode json() {
    return json.deepCopy();
  }

  /**
   * The file of tensors, its header read and checked.
   *
   * @throws LorikeetException when it is missing or damaged, or there is a pickle in its place
   */
  public Safetensors weights() {
    if (!Files.exists(folder.resolve(WEIGHTS)) && Files.exists(folder.resolve(PICKLE))) {
      throw new LorikeetException(
          folder
              + " has its tensors in "
              + PICKLE
              + " only, and opening a pickle can run any code: convert it to safetensors (PEFT:"
              + " model.save_pretrained(folder, safe_serialization=True))");
    }
    return Safetensors.open(folder.resolve(WEIGHTS));
  }

  /** How many outputs a head that the file holds has, or −1 where it holds none. */
  public int outputs(HeadModules head) {
    Safetensors tensors = weights();
    String weight = head.output() + ".weight";
    return Stream.of(PeftNames.ofBase(weight), PeftNames.ofBaseBesidePrompt(weight))
        .filter(tensors.names()::contains)
        .map(name -> (int) tensors.entry(name).shape()[0])
        .findFirst()
        .orElse(-1);
  }

  /**
   * Slips the adapter into a model; nothing is trainable until {@link Adapter#train}.
   *
   * @throws LorikeetException when a tensor is missing, unexpected or of another shape than the
   *     model asks for: the first difference is named; or when the model's weights are known to be
   *     others than those that it was trained on, unless {@link #onAnyBase}
   */
  public Adapter attachTo(Model model) {
    try (Model.Lease alone = model.exclusive()) {
      return readInto(model);
    }
  }

  private Adapter readInto(Model model) {
    Safetensors file = weights();
    Adapter adapter =
        Adapter.attachFrozen(model, WeightTying.asStored(config, model, file.names()));
    try (Scope scope = Scope.open()) {
      Map<String, Parameter> expected = new LinkedHashMap<>(adapter.parameters());
      adapter.shared().entrySet().stream()
          .filter(entry -> file.names().contains(entry.getKey()))
          .forEach(entry -> expected.put(entry.getKey(), entry.getValue()));
      Map<String, WeightTying.Twin> twins = adapter.twins();
      Map<Parameter, String> tables = new LinkedHashMap<>();
      Map<String, String> stored = new LinkedHashMap<>(); // transformers 4 wrote names as on disk
      file.names().forEach(name -> addOnce(stored, model.nameInMemory(name), name));
      Set<String> known = new LinkedHashSet<>(expected.keySet());
      known.addAll(twins.keySet());
      stored.forEach(
          (name, inFile) -> {
            if (!known.contains(name) && !PeftNames.isRepeated(name)) {
              bringBase(adapter, file, name, inFile, tables, known);
            }
          });
      expected.forEach((name, parameter) -> fill(file, stored.getOrDefault(name, name), parameter));
      twins.forEach((name, twin) -> mustBeOne(file, stored.getOrDefault(name, name), twin));
      if (!anyBase && model.checkpoint() != null) {
        base().mustBe(model.checkpoint(), folder);
      }
      adapter.readFrom(folder.resolve(WEIGHTS));
      return adapter;
    } catch (RuntimeException e) {
      adapter.remove();
      throw e;
    }
  }

  /** Takes a table of the base's that was saved with the adapter; there may be nothing else. */
  private void bringBase(
      Adapter adapter,
      Safetensors file,
      String name,
      String stored,
      Map<Parameter, String> tables,
      Set<String> known) {
    boolean adapted = !PeftNames.layerOfBaseWeight(name).isEmpty();
    String layer = adapted ? PeftNames.layerOfBaseWeight(name) : PeftNames.layerOf(name, "weight");
    Tensor base = adapter.baseWeight(layer, adapted);
    if (base == null) {
      throw new LorikeetException(
          folder
              + ": tensor \""
              + stored
              + "\" has no place in this model; nearest: "
              + String.join(", ", Nearest.of(name, known, 1))
              + ": was the adapter made for another base?");
    }
    mustHaveRows(file.tensor(stored), base, name);
    mustBeOneTable(file, tables.put(adapter.table(layer), stored), stored);
    adapter.bringBase(layer, file.tensor(stored));
  }

  private void addOnce(Map<String, String> stored, String inMemory, String name) {
    String other = stored.put(inMemory, name);
    if (other != null) {
      throw new LorikeetException(
          folder
              + ": tensors \""
              + other
              + "\" and \""
              + name
              + "\" are both for "
              + inMemory
              + ": keep one of them");
    }
  }

  private void fill(Safetensors file, String name, Parameter parameter) {
    if (!file.names().contains(name)) {
      throw new LorikeetException(
          folder + ": tensor \"" + name + "\" is missing: was the adapter made for another base?");
    }
    Tensor saved = file.tensor(name);
    if (Targets.isEmbedding(PeftNames.layerOf(name, "weight"))) {
      mustHaveRows(saved, parameter.original(), name);
    }
    mustHaveShape(saved, parameter.original(), name);
    parameter.original().setInPlace(saved);
  }

  /** What is tied may be there once more, and then must be the same. */
  private void mustBeOne(Safetensors file, String name, WeightTying.Twin twin) {
    if (file.names().contains(name) && !twin.is(file.tensor(name))) {
      throw new LorikeetException(
          folder
              + (": tensor \"" + name + "\" differs from ")
              + (twin.transposed() ? "the transpose of \"" : "\"")
              + twin.of()
              + "\", and ensure_weight_tying says that they are one: set it to false"
              + (twin.transposed() ? " and name both layers in target_modules" : "")
              + " to keep both");
    }
  }

  /** Layers that are tied may each have the base's table, and then must have the same. */
  private void mustBeOneTable(Safetensors file, @Nullable String other, String name) {
    if (other != null && !file.tensor(other).sameAs(file.tensor(name))) {
      throw new LorikeetException(
          folder
              + (": tensors \"" + other + "\" and \"" + name + "\" differ, and the base has one")
              + " table for both: was the adapter made for a base whose weights are not tied?");
    }
  }

  /** The rows of a table are the tokens that a model knows. */
  private void mustHaveRows(Tensor saved, Tensor expected, String name) {
    long[] shape = saved.shape();
    if (shape.length == 2 && shape[1] == expected.size(1) && shape[0] != expected.size(0)) {
      throw new LorikeetException(
          (folder + ": tensor \"" + name + "\" has " + shape[0] + " rows, the base's has ")
              + expected.size(0)
              + (": it was trained on a base that was resized to "
                  + shape[0]
                  + " tokens: resize this")
              + " one likewise (transformers: model.resize_token_embeddings("
              + (shape[0] + ")), and give that as the model"));
    }
    mustHaveShape(saved, expected, name);
  }

  private void mustHaveShape(Tensor saved, Tensor expected, String name) {
    if (!Arrays.equals(saved.shape(), expected.shape())) {
      throw new LorikeetException(
          folder
              + ": tensor \""
              + name
              + "\" is "
              + Arrays.toString(saved.shape())
              + ", this model asks for "
              + Arrays.toString(expected.shape())
              + ": was the adapter made for another base?");
    }
  }

  /**
   * Writes an adapter's two files into an existing folder, over those that are there.
   *
   * @param other keys of adapter_config.json that the method does not set, such as {@code
   *     base_model_name_or_path}
   */
  public static void write(Adapter adapter, ObjectNode other, Path folder) throws IOException {
    try (Model.Lease asItIs = adapter.model().share();
        Scope scope = Scope.open()) {
      boolean transposed = adapter.isOnTransposedWeights();
      write(adapter.config().saved(adapter.layers()), adapter.saved(), transposed, other, folder);
    }
  }

  /**
   * Writes settings and tensors that may be no adapter's yet.
   *
   * @param tensors by PEFT's names
   * @param transposed whether the adapted weights are stored transposed, as GPT-2's are
   * @param other keys of adapter_config.json that the method does not set
   */
  public static void write(
      AdapterConfig config,
      Map<String, Tensor> tensors,
      boolean transposed,
      ObjectNode other,
      Path folder)
      throws IOException {
    ObjectNode json = other.deepCopy();
    json.setAll(config.json());
    if (json.has(FAN_IN_FAN_OUT)) {
      json.put(FAN_IN_FAN_OUT, transposed);
    }
    json.put("peft_type", config.peftType());
    write(json, tensors, folder);
  }

  /**
   * Writes an adapter's two files into an existing folder, over those that are there.
   *
   * @param settings all keys of adapter_config.json but {@code inference_mode}
   */
  public static void write(ObjectNode settings, Map<String, Tensor> tensors, Path folder)
      throws IOException {
    ObjectNode json = settings.deepCopy();
    json.put("inference_mode", true);
    ObjectNode sorted = JSON.createObjectNode();
    new TreeMap<>(fields(json)).forEach(sorted::set);
    Files.writeString(
        folder.resolve(CONFIG),
        JSON.writer(new PythonStyle()).writeValueAsString(sorted),
        StandardCharsets.UTF_8);
    Safetensors.write(folder.resolve(WEIGHTS), tensors, METADATA);
  }

  private static Map<String, JsonNode> fields(ObjectNode json) {
    Map<String, JsonNode> fields = new LinkedHashMap<>();
    json.properties().forEach(field -> fields.put(field.getKey(), field.getValue()));
    return fields;
  }

  /** The layout of Python's {@code json.dumps(..., indent=2)}. */
  private static final class PythonStyle extends DefaultPrettyPrinter {
    private static final DefaultIndenter TWO_SPACES = new DefaultIndenter("  ", "\n");

    PythonStyle() {
      super(
          Separators.createDefaultInstance()
              .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
              .withObjectEmptySeparator("")
              .withArrayEmptySeparator(""));
      indentArraysWith(TWO_SPACES);
      indentObjectsWith(TWO_SPACES);
    }

    @Override
    public DefaultPrettyPrinter createInstance() {
      return new PythonStyle();
    }
  }
}
