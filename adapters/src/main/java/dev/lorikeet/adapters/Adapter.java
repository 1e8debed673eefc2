package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An adapter slipped into a model: a layer around each adapted linear layer or embedding, or
 * virtual tokens before the real ones, and copies of its own of whatever of the base it trains
 * (modules saved whole, norms, biases). The base's tensors never change, so that disabling or
 * unmerging gives back the very bytes.
 */
public final class Adapter {
  private final Model model;
  private final AdapterConfig config;
  private final Map<String, Place> places = new LinkedHashMap<>();
  private boolean enabled;

  /** The base's parameters that this adapter has copies of, with those copies. */
  private final Map<Parameter, Parameter> copies = new LinkedHashMap<>();

  /** All that is trained, under PEFT's names. */
  private final Map<String, Parameter> parameters = new LinkedHashMap<>();

  /** What the adapted layers have in common, by name. */
  private final Map<String, Parameter> shared;

  /** The base's weights that are merged now, with what answers in their place. */
  private final Map<Parameter, Parameter> merged = new LinkedHashMap<>();

  /** What stands before the tokens, if the method changes them. */
  private final @Nullable InputAdapter input;

  /** The paths that the method's layers, or copies, are for. */
  private final List<String> adapted;

  /** The SHA-256 of the file whose values these are, as long as nothing can have changed them. */
  private @Nullable String sha256;

  /** What the merge did, while there is one. */
  private @Nullable MergeReceipt receipt;

  private @Nullable TrainingPart trainingPart;

  private Adapter(Model model, AdapterConfig asked, boolean stored) {
    this.model = model;
    ModulesToSave saved = ModulesToSave.of(model, asked.modulesToSave());
    AdapterConfig chosen = asked.resolvedFor(model.config());
    Targets targets = chosen.targets().inMemory(namesOnDisk(model));
    adapted = adapted(chosen, targets, saved);
    config =
        chosen.with(
            resolved(targets, adapted), List.copyOf(union(asked.modulesToSave(), saved.modules())));
    input = config instanceof InputConfig changed ? changed.input(model, stored) : null;
    if (input != null) {
      parameters.putAll(input.parameters());
    }
    shared = config.copiesAs().isPresent() || input != null ? Map.of() : addLayers(adapted);
    config
        .trainableTokens()
        .byPath(model.embeddings().keySet())
        .forEach((path, tokens) -> addTokens(path, tokens, adapted, saved));
    for (Parameter base : model.parameters().values()) {
      String name = model.nameInMemory(base.name());
      if (saved.contains(name)) {
        addCopy(base, nameOfSaved(name));
      } else if (config.copiesAs().isPresent()) {
        addCopy(base, adapted, config.copiesAs().get());
      } else if (trainsBias(base, adapted)) {
        addCopy(base, biasName(base, adapted));
      }
    }
    enable();
  }

  /**
   * Slips a new adapter into a model and makes its parameters trainable.
   *
   * @param seed of the adapter's initial values
   * @throws dev.lorikeet.torch.UsageException when a target, a module to save or a pattern matches
   *     nothing
   */
  public static Adapter attach(Model model, AdapterConfig config, long seed) {
    mustBeFree(model);
    if (config.startsFromData()) {
      throw new UsageException(
          config.peftType() + " is to start from data here: attach it with a sample of them");
    }
    Torch.seed(seed);
    Adapter adapter = new Adapter(model, config, false);
    adapter.train();
    return adapter;
  }

  /** Slips in an adapter whose values are to be read from a file: nothing is trainable. */
  static Adapter attachFrozen(Model model, AdapterConfig config) {
    mustBeFree(model);
    return new Adapter(model, config, true);
  }

  /** Slips an adapter into a blueprint's model, to be counted: it is not made trainable. */
  static Adapter planned(Model model, AdapterConfig config) {
    mustBeFree(model);
    return new Adapter(model, config, false);
  }

  private static void mustBeFree(Model model) {
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

  /** The paths that the method's layers, or copies, are for. */
  private List<String> adapted(AdapterConfig chosen, Targets targets, ModulesToSave saved) {
    if (chosen instanceof InputConfig) {
      return List.of();
    }
    List<String> adapted = targets.match(paths(chosen), saved::contains, notLinear(model));
    chosen.mustMatch(adapted);
    return adapted;
  }

  /** Puts layers around what is adapted; answers what they have in common. */
  private Map<String, Parameter> addLayers(List<String> adapted) {
    AdapterConfig start = model.isPlanned() ? config.planned() : config;
    LayerMaker maker = start.layers(linear(adapted), model.weightScope());
    for (String path : adapted) {
      addPlace(path, place(path, maker));
    }
    trainingPart = maker.trainingPart();
    return maker.shared();
  }

  /** The paths of all layers that can be adapted. */
  List<String> paths(AdapterConfig asked) {
    if (asked.copiesAs().isPresent()) {
      return model.parameters().values().stream().map(this::module).distinct().toList();
    }
    List<String> paths = new ArrayList<>();
    if (asked.adaptsEmbeddings()) {
      paths.addAll(model.embeddings().keySet());
    }
    paths.addAll(model.projections().keySet());
    return paths;
  }

  private void addPlace(String path, Place place) {
    places.put(path, place);
    place
        .adapted()
        .parameters()
        .forEach((name, parameter) -> parameters.put(PeftNames.ofLayer(path, name), parameter));
  }

  private void addTokens(
      String path, List<Integer> tokens, List<String> adapted, ModulesToSave saved) {
    EmbeddingSlot table = Objects.requireNonNull(model.embeddings().get(path), path);
    List<ProjectionSlot> heads = model.tiedTo(table);
    boolean twice =
        adapted.contains(path)
            || saved.contains(path)
            || heads.stream().anyMatch(head -> adapted.contains(head.path()));
    if (twice || model.isReadByHead(table)) {
      throw new UsageException(
          "trainable_token_indices: "
              + path
              + (twice
                  ? " is trained in another way too: name its tokens or the whole, not both"
                  : " is read by the head, which would not see the trained rows"));
    }
    try (Scope scope = Scope.open()) {
      TokenRows rows = TokenRows.of(table.base(), tokens, model.weightScope());
      addPlace(path, new Place.OfTokens(table, heads, rows));
    }
  }

  private List<Linear> linear(List<String> adapted) {
    return adapted.stream()
        .map(model.projections()::get)
        .filter(Objects::nonNull)
        .map(ProjectionSlot::base)
        .toList();
  }

  private Place place(String path, LayerMaker maker) {
    try (Scope scope = Scope.open()) {
      EmbeddingSlot table = model.embeddings().get(path);
      if (table != null) {
        return new Place.OfEmbedding(table, config.embedding(table.base(), model.weightScope()));
      }
      ProjectionSlot slot = Objects.requireNonNull(model.projections().get(path), path);
      return new Place.OfProjection(slot, maker.around(slot.base()));
    }
  }

  private void addCopy(Parameter base, String name) {
    try (Scope scope = Scope.open()) {
      Tensor own = // in float32, whatever the base is stored in
          model.isPlanned()
              ? Tensor.zeros(DType.FLOAT32, base.value().device(), 1).expand(base.value().shape())
              : base.value().copy().to(DType.FLOAT32);
      Parameter copy = new Parameter(base.name(), own, model.weightScope());
      copies.put(base, copy);
      parameters.put(name, copy);
    }
  }

  private void addCopy(Parameter base, List<String> adapted, String copies) {
    String module = module(base);
    if (adapted.contains(module)) {
      String leaf = base.name().substring(base.name().lastIndexOf('.'));
      addCopy(base, PeftNames.ofLayer(module, copies + leaf));
    }
  }

  private String nameOfSaved(String parameter) {
    return config instanceof InputConfig
        ? PeftNames.ofBaseBesidePrompt(parameter)
        : PeftNames.ofBase(parameter);
  }

  private boolean trainsBias(Parameter base, List<String> adapted) {
    return switch (config.bias()) {
      case NONE -> false;
      case ALL -> base.name().endsWith(".bias");
      case LORA_ONLY -> base.name().endsWith(".bias") && adapted.contains(module(base));
    };
  }

  private String biasName(Parameter bias, List<String> adapted) {
    return adapted.contains(module(bias))
        ? PeftNames.ofAdaptedBias(module(bias))
        : PeftNames.ofBase(model.nameInMemory(bias.name()));
  }

  String module(Parameter parameter) {
    return model.nameInMemory(onDisk(parameter));
  }

  /** The module of a parameter, as on disk. */
  private static String onDisk(Parameter parameter) {
    return parameter.name().substring(0, parameter.name().lastIndexOf('.'));
  }

  /** What the linear layers' paths would be on disk. */
  static Map<String, String> namesOnDisk(Model model) {
    Map<String, String> names = new LinkedHashMap<>();
    model
        .projections()
        .forEach(
            (path, slot) -> {
              String stored = onDisk(slot.base().weight()); // another module's where it is tied
              names.put(path, model.nameInMemory(stored).equals(path) ? stored : path);
            });
    return names;
  }

  /** What {@code all-linear} leaves out: embeddings, and the linear layers of the head. */
  private static Set<String> notLinear(Model model) {
    Set<String> heads = new LinkedHashSet<>(model.embeddings().keySet());
    for (String path : model.projections().keySet()) {
      if (path.equals("classifier")
          || path.startsWith("classifier.")
          || path.equals("score")
          || path.equals("lm_head")) {
        heads.add(path);
      }
    }
    return heads;
  }

  /**
   * {@code all-linear} is saved as the paths that it meant, as PEFT does; entries stay as typed.
   */
  private static Targets resolved(Targets targets, List<String> adapted) {
    return targets.modules().equals(List.of(Targets.ALL_LINEAR))
        ? targets.resolved(adapted)
        : targets;
  }

  private static Set<String> union(Collection<String> first, Collection<String> second) {
    Set<String> all = new LinkedHashSet<>(first);
    second.stream().filter(path -> first.stream().noneMatch(path::endsWith)).forEach(all::add);
    return all;
  }

  // ---- what it is ----

  /** The settings, with {@code all-linear} and the modules to save spelt out. */
  public AdapterConfig config() {
    return config;
  }

  public Model model() {
    return model;
  }

  /** The paths that the method's layers, or copies, are for. */
  List<String> adapted() {
    return adapted;
  }

  /** The base's parameters that the adapter has copies of, with those copies. */
  Map<Parameter, Parameter> copies() {
    return Collections.unmodifiableMap(copies);
  }

  /** What stands before the tokens, if the method changes them. */
  @Nullable InputAdapter input() {
    return input;
  }

  /** All tensors that it computes with, trained or not. */
  Set<Parameter> tensors() {
    Set<Parameter> own = new LinkedHashSet<>(parameters.values());
    own.addAll(copies.values());
    places.values().forEach(place -> own.addAll(place.adapted().constants()));
    own.addAll(shared.values());
    return own;
  }

  /** The tensors of its file, with {@link AdapterConfig#saved} as the settings. */
  Map<String, Tensor> saved() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    parameters.forEach((name, parameter) -> tensors.put(name, parameter.original()));
    if (input != null) {
      tensors.keySet().removeAll(input.parameters().keySet());
      tensors.put(PeftNames.PROMPT, input.promptEmbeddings());
    }
    places.forEach(
        (path, place) ->
            place
                .adapted()
                .saved()
                .forEach((name, tensor) -> tensors.put(PeftNames.ofLayer(path, name), tensor)));
    if (config.savesShared()) {
      shared.forEach((name, tensor) -> tensors.put(PeftNames.ofShared(name), tensor.original()));
    }
    if (config.trainableTokens().isEmpty()) {
      for (String path : config.targets().savedWithBase(places.keySet())) {
        tensors.put(PeftNames.ofBaseWeight(path), baseTable(path));
      }
    }
    return tensors;
  }

  private Tensor baseTable(String path) {
    Parameter table = Objects.requireNonNull(places.get(path), path).weight().shared();
    return copies.getOrDefault(table, table).original();
  }

  /** The base's weight at an adapted path, or null where that is none. */
  @Nullable Tensor baseWeight(String path) {
    return places.containsKey(path) ? baseTable(path) : null;
  }

  /** Lets a table that was saved with the adapter answer for the base's, if it is another one. */
  void bringBase(String path, Tensor saved) {
    Parameter table = Objects.requireNonNull(places.get(path), path).weight().shared();
    Tensor value = saved.to(table.original().dtype()).to(table.original().device());
    if (!value.sameAs(table.original())) {
      copies.put(table, new Parameter(table.name(), value.copy(), model.weightScope()));
      table.substitute(Objects.requireNonNull(copies.get(table)));
    }
  }

  /** What the layers have in common and a file may bring, by its names there. */
  Map<String, Parameter> shared() {
    Map<String, Parameter> byName = new LinkedHashMap<>();
    shared.forEach((name, tensor) -> byName.put(PeftNames.ofShared(name), tensor));
    return byName;
  }

  /** How many virtual tokens the model reads before each row's own. */
  public int virtualTokens() {
    try (Scope scope = Scope.open()) {
      return input == null ? 0 : Math.toIntExact(input.promptEmbeddings().size(0));
    }
  }

  /** What the method does in training beside answering, or null for nothing. */
  public @Nullable TrainingPart trainingPart() {
    return trainingPart;
  }

  /** The adapted layers by their path in the model. */
  public Map<String, Adapted> layers() {
    Map<String, Adapted> layers = new LinkedHashMap<>();
    places.forEach((path, place) -> layers.put(path, place.adapted()));
    return layers;
  }

  /** Whether all adapted linear layers are stored transposed, [in, out], as GPT-2's are. */
  boolean isOnTransposedWeights() {
    List<ProjectionSlot> adapted =
        model.projections().values().stream()
            .filter(slot -> places.containsKey(slot.path()))
            .toList();
    return !adapted.isEmpty() && adapted.stream().allMatch(slot -> slot.base().transposed());
  }

  /** All parameters that the adapter has, under the names of PEFT's files. */
  public Map<String, Parameter> parameters() {
    return Collections.unmodifiableMap(parameters);
  }

  // ---- life ----

  /** Remembers the file that all values were read from. */
  void readFrom(Path file) {
    sha256 = FileHash.sha256(file);
  }

  /** Makes all parameters of the adapter trainable. */
  public void train() {
    sha256 = null;
    parameters.values().forEach(Parameter::train);
  }

  /** Ends training: values stay, gradients can no longer be asked for. */
  public void freeze() {
    parameters.values().forEach(Parameter::freeze);
  }

  /** Lets the adapter answer beside the base: after {@link #disable}, or in place of a merge. */
  public void enable() {
    takeMergeBack();
    places.values().forEach(Place::fill);
    if (input != null) {
      model.prepareInputs(input::prepare);
    }
    copies.forEach(Parameter::substitute);
    enabled = true;
  }

  /** Lets the base answer as it was before the adapter, until {@link #enable} or {@link #merge}. */
  public void disable() {
    takeMergeBack();
    places.values().forEach(Place::reset);
    if (input != null) {
      model.takeInputsAsTheyAre();
    }
    copies.forEach(Parameter::restore);
    enabled = false;
  }

  /**
   * Folds the adapter into the model: each adapted weight is replaced by the one that gives the
   * same output alone, computed in float32 and rounded once to the base's type. Merging twice
   * changes nothing. An embedding's merge leaves output weights that are tied to it as they are,
   * and the other way round.
   *
   * @return what it did to each weight
   * @throws LorikeetException when the method changes the input alone, a merged weight has NaN or
   *     infinite elements, in float32 or in the base's type, or a layer has no bias that the
   *     adapter's can be merged into; nothing is changed
   */
  public MergeReceipt merge() {
    if (receipt != null) {
      return receipt;
    }
    if (input != null) {
      throw new LorikeetException(
          config.peftType()
              + " changes what the model reads, not its weights, and cannot be merged into them:"
              + " keep the adapter beside the base");
    }
    copies.values().forEach(Adapter::mustBeFinite);
    copies.forEach(Parameter::substitute); // what is merged may start from them
    Map<Parameter, Parameter> weights = new LinkedHashMap<>();
    List<MergeReceipt.Change> changes = new ArrayList<>();
    try {
      copies.forEach((base, copy) -> changes.add(replaced(base, copy)));
      places.forEach((path, place) -> changes.addAll(addMerged(path, place, weights)));
    } catch (RuntimeException e) {
      weights.values().forEach(Parameter::free);
      if (!enabled) {
        copies.forEach(Parameter::restore);
      }
      throw e;
    }
    places.values().forEach(Place::reset);
    weights.forEach(Parameter::substitute);
    merged.putAll(weights);
    receipt = new MergeReceipt(config.peftType(), sha256, changes);
    enabled = false;
    return receipt;
  }

  private MergeReceipt.Change replaced(Parameter base, Parameter copy) {
    try (Scope scope = Scope.open()) {
      Tensor value = copy.value().detach();
      return MergeReceipt.Change.of(
          module(base), base, base.original(), value, value, model.sharing(base), true);
    }
  }

  private List<MergeReceipt.Change> addMerged(
      String path, Place place, Map<Parameter, Parameter> weights) {
    List<MergeReceipt.Change> changes = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      place
          .merged()
          .forEach(
              (base, value) -> {
                Tensor stored = value.to(base.original().dtype());
                mustBeFinite(path, value, stored);
                changes.add(
                    MergeReceipt.Change.of(
                        path, base, base.value(), value, stored, model.sharing(base), false));
                weights.put(base, new Parameter(base.name(), stored, model.weightScope()));
              });
    }
    return changes;
  }

  private static void mustBeFinite(String path, Tensor value, Tensor stored) {
    if (!value.isFinite()) {
      throw new LorikeetException(
          path + ": the merged weight has NaN or infinite elements; nothing was merged");
    }
    if (!stored.isFinite()) {
      throw new LorikeetException(
          path
              + ": the merged weight has elements up to "
              + value.abs().max().item()
              + ", and "
              + stored.dtype()
              + " ends at "
              + -stored.dtype().lowest()
              + "; nothing was merged: open the base in float32 or bfloat16");
    }
  }

  private static void mustBeFinite(Parameter copy) {
    try (Scope scope = Scope.open()) {
      mustBeFinite(copy.name(), copy.original(), copy.original());
    }
  }

  /** Takes a merge back: the base's weights are the very bytes that they were. */
  public void unmerge() {
    enable();
  }

  public boolean isMerged() {
    return receipt != null;
  }

  private void takeMergeBack() {
    merged.forEach(
        (base, weight) -> {
          if (base.value() != weight.value()) {
            throw new LorikeetException(
                base.name() + " has another adapter merged over this one: unmerge that first");
          }
        });
    merged.forEach(
        (base, weight) -> {
          base.restore(weight);
          weight.free();
        });
    merged.clear();
    receipt = null;
  }

  /** Takes the adapter out of the model and frees it; it must not be used again. */
  public void remove() {
    disable();
    tensors().forEach(Parameter::free);
  }
}
