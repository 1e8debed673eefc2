package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An adapter slipped into a model: a layer around each adapted linear layer or embedding, or
 * virtual tokens before the real ones, and copies of its own of whatever of the base it trains
 * (modules saved whole, norms, biases). The base's tensors never change, so that disabling or
 * unmerging gives back the very bytes.
 *
 * <p>Threads: what changes who answers, or what is trained, has the model to itself: it waits for
 * the passes of other threads ({@link Model#exclusive}) and throws an {@link IllegalStateException}
 * in the middle of a pass of its own thread, and when the model was closed.
 */
public final class Adapter {
  private final Model model;
  private final AdapterParts parts;
  private final Merge merge;
  private boolean enabled;
  private boolean kept;

  /** The SHA-256 of the file whose values these are, as long as nothing can have changed them. */
  private @Nullable String sha256;

  private Adapter(Model model, AdapterParts parts) {
    this.model = model;
    this.parts = parts;
    merge = new Merge(model);
    in();
  }

  /**
   * Slips a new adapter into a model and makes its parameters trainable.
   *
   * @param seed of the adapter's initial values
   * @throws dev.lorikeet.torch.UsageException when a target, a module to save or a pattern matches
   *     nothing
   */
  public static Adapter attach(Model model, AdapterConfig config, long seed) {
    try (Model.Lease alone = model.exclusive()) {
      mustBeFree(model);
      if (config.startsFromData()) {
        throw new UsageException(
            config.peftType() + " is to start from data here: attach it with a sample of them");
      }
      Torch.seed(seed);
      Adapter adapter = new Adapter(model, new AdapterParts(model, config, false));
      adapter.train();
      return adapter;
    }
  }

  /** Slips in an adapter whose values are to be read from a file: nothing is trainable. */
  static Adapter attachFrozen(Model model, AdapterConfig config) {
    mustBeFree(model);
    return new Adapter(model, new AdapterParts(model, config, true));
  }

  /** Slips an adapter into a blueprint's model, to be counted: it is not made trainable. */
  static Adapter planned(Model model, AdapterConfig config) {
    mustBeFree(model);
    return new Adapter(model, new AdapterParts(model, config, false));
  }

  /** Refuses a model in which an adapter answers. */
  static void mustBeFree(Model model) {
    Stream<String> embeddings =
        model.embeddings().values().stream()
            .filter(EmbeddingSlot::isFilled)
            .map(EmbeddingSlot::path);
    Stream<String> projections =
        model.projections().values().stream()
            .filter(ProjectionSlot::isFilled)
            .map(ProjectionSlot::path);
    Stream.concat(embeddings, projections)
        .findFirst()
        .ifPresent(
            path -> {
              throw new LorikeetException(
                  path + " has an adapter already: disable or merge that one first");
            });
    if (model.preparesInputs()) {
      throw new LorikeetException(
          "the model reads virtual tokens of another adapter already: disable that one first");
    }
  }

  // ---- what it is ----

  /** The settings, with {@code all-linear} and the modules to save spelt out. */
  public AdapterConfig config() {
    return parts.config;
  }

  public Model model() {
    return model;
  }

  /** The tensors of its file, with {@link AdapterConfig#saved} as the settings. */
  Map<String, Tensor> saved() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    parts.parameters.forEach((name, parameter) -> tensors.put(name, parameter.original()));
    if (parts.input != null) {
      tensors.keySet().removeAll(parts.input.parameters().keySet());
      tensors.put(PeftNames.PROMPT, parts.input.promptEmbeddings());
    }
    parts.places.forEach(
        (path, place) ->
            place
                .adapted()
                .saved()
                .forEach((name, tensor) -> tensors.put(PeftNames.ofLayer(path, name), tensor)));
    if (parts.config.savesShared()) {
      parts.shared.forEach(
          (name, tensor) -> tensors.put(PeftNames.ofShared(name), tensor.original()));
    }
    twins().forEach((name, twin) -> tensors.put(name, twin.value()));
    if (parts.config.trainableTokens().isEmpty()) {
      Targets named = parts.tying.withoutOutputs(parts.config.targets());
      for (String path : named.savedWithBase(parts.places.keySet())) {
        tensors.put(PeftNames.ofBaseWeight(path), baseTable(path));
      }
    }
    return tensors;
  }

  /** What files have once more, by its name there. */
  Map<String, WeightTying.Twin> twins() {
    return parts.tying.twins(parts);
  }

  private Tensor baseTable(String path) {
    Parameter table = table(path);
    return parts.copies.getOrDefault(table, table).original();
  }

  /** The base's weight at a path that {@link #baseWeight} knows. */
  Parameter table(String path) {
    return Objects.requireNonNull(tableOrNull(path), path);
  }

  /** What the base has at an adapted path, or beside these in an embedding or output layer. */
  private @Nullable Parameter tableOrNull(String path) {
    Place place = parts.places.get(path);
    if (place != null) {
      return place.weight().shared();
    }
    EmbeddingSlot embedding = model.embeddings().get(path);
    if (embedding != null) {
      return embedding.weight();
    }
    return model.outputs().stream()
        .filter(output -> output.path().equals(path))
        .map(output -> output.base().weight().shared())
        .findFirst()
        .orElse(null);
  }

  /**
   * The base's weight that a file names: at an adapted path, or in an embedding or output layer
   * that is not adapted; null for another path.
   *
   * @param adapted whether the file names it as that of an adapted layer
   */
  @Nullable Tensor baseWeight(String path, boolean adapted) {
    return parts.places.containsKey(path) == adapted && tableOrNull(path) != null
        ? baseTable(path)
        : null;
  }

  /**
   * Lets a table that was saved with the adapter answer for the base's, if it is another one, in
   * all layers that it is tied to.
   */
  void bringBase(String path, Tensor saved) {
    Parameter table = table(path);
    Tensor value = saved.to(table.original().dtype()).to(table.original().device());
    if (!value.sameAs(table.original())) {
      parts.copies.put(table, new Parameter(table.name(), value.copy(), model.weightScope()));
      table.substitute(Objects.requireNonNull(parts.copies.get(table)));
    }
  }

  /** What the layers have in common and a file may bring, by its names there. */
  Map<String, Parameter> shared() {
    Map<String, Parameter> byName = new LinkedHashMap<>();
    parts.shared.forEach((name, tensor) -> byName.put(PeftNames.ofShared(name), tensor));
    return byName;
  }

  /** How many virtual tokens the model reads before each row's own. */
  public int virtualTokens() {
    try (Scope scope = Scope.open()) {
      return parts.input == null ? 0 : Math.toIntExact(parts.input.promptEmbeddings().size(0));
    }
  }

  /** What the method does in training beside answering, or null for nothing. */
  public @Nullable TrainingPart trainingPart() {
    return parts.trainingPart;
  }

  /** The adapted layers by their path in the model. */
  public Map<String, Adapted> layers() {
    Map<String, Adapted> layers = new LinkedHashMap<>();
    parts.places.forEach((path, place) -> layers.put(path, place.adapted()));
    return layers;
  }

  /** Whether all adapted linear layers are stored transposed, [in, out], as GPT-2's are. */
  boolean isOnTransposedWeights() {
    List<ProjectionSlot> adapted =
        model.projections().values().stream()
            .filter(slot -> parts.places.containsKey(slot.path()))
            .toList();
    return !adapted.isEmpty() && adapted.stream().allMatch(slot -> slot.base().transposed());
  }

  /** All parameters that the adapter has, under the names of PEFT's files. */
  public Map<String, Parameter> parameters() {
    return Collections.unmodifiableMap(parts.parameters);
  }

  /** Whether a parameter is a bias of the base's that is trained where it is. */
  public boolean isTrainedInPlace(Parameter parameter) {
    return parts.biases.contains(parameter);
  }

  // ---- life ----

  /** Remembers the file that all values were read from. */
  void readFrom(Path file) {
    sha256 = FileHash.sha256(file);
  }

  /** Makes all parameters of the adapter trainable. */
  public void train() {
    try (Model.Lease alone = model.exclusive()) {
      sha256 = null;
      parts.parameters.values().forEach(Parameter::train);
    }
  }

  /** Ends training: values stay, gradients can no longer be asked for. */
  public void freeze() {
    try (Model.Lease alone = model.exclusive()) {
      parts.parameters.values().forEach(Parameter::freeze);
    }
  }

  /**
   * Lets the adapter answer beside the base: after {@link #disable}, or in place of a merge.
   *
   * @throws LorikeetException when it is one of {@link Adapters}, which decide that
   */
  public void enable() {
    mustBeAlone();
    try (Model.Lease alone = model.exclusive()) {
      in();
    }
  }

  void in() {
    merge.takeBack();
    parts.places.values().forEach(Place::fill);
    InputAdapter input = parts.input;
    if (input != null) {
      model.prepareInputs(input::prepare);
    }
    parts.copies.forEach(Parameter::substitute);
    enabled = true;
  }

  /**
   * Lets the base answer as it was before the adapter, until {@link #enable} or {@link #merge}.
   *
   * @throws LorikeetException when it is one of {@link Adapters}, which decide that
   */
  public void disable() {
    mustBeAlone();
    try (Model.Lease alone = model.exclusive()) {
      out();
    }
  }

  void out() {
    merge.takeBack();
    parts.places.values().forEach(Place::reset);
    if (parts.input != null) {
      model.takeInputsAsTheyAre();
    }
    parts.copies.forEach(Parameter::restore);
    enabled = false;
  }

  /**
   * Folds the adapter into the model: each adapted weight is replaced by the one that gives the
   * same output alone, computed in float32 and rounded once to the base's type. Merging twice
   * changes nothing. An embedding's merge leaves output weights that are tied to it as they are,
   * and the other way round, unless {@code ensure_weight_tying} makes their updates one: then both
   * become one merged table.
   *
   * @return what it did to each weight
   * @throws LorikeetException when the method changes the input alone, a merged weight has NaN or
   *     infinite elements, in float32 or in the base's type, or a layer has no bias that the
   *     adapter's can be merged into, or it is one of {@link Adapters}; nothing is changed
   */
  public MergeReceipt merge() {
    mustBeAlone();
    try (Model.Lease alone = model.exclusive()) {
      return fold();
    }
  }

  MergeReceipt fold() {
    MergeReceipt before = merge.receipt();
    if (before != null) {
      return before;
    }
    if (parts.input != null) {
      throw new LorikeetException(
          parts.config.peftType()
              + " changes what the model reads, not its weights, and cannot be merged into them:"
              + " keep the adapter beside the base");
    }
    MergeReceipt receipt = merge.fold(parts, sha256, enabled);
    enabled = false;
    return receipt;
  }

  /** Takes a merge back: the base's weights are the very bytes that they were. */
  public void unmerge() {
    enable();
  }

  public boolean isMerged() {
    return merge.receipt() != null;
  }

  /** Takes the adapter out of the model and frees it; it must not be used again. */
  public void remove() {
    mustBeAlone();
    try (Model.Lease alone = model.exclusive()) {
      free();
    }
  }

  void free() {
    out();
    parts.tensors().forEach(Parameter::free);
  }

  /** Hands it over to a set of adapters; the base answers then. */
  Adapter keptInSet() {
    out();
    kept = true;
    return this;
  }

  /** What it consists of. */
  AdapterParts parts() {
    return parts;
  }

  private void mustBeAlone() {
    if (kept) {
      throw new LorikeetException(
          "the adapter is one of a set, which decides who answers: use its Adapters");
    }
  }
}
