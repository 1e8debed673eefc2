package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
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
 * An adapter slipped into a model: a layer around each adapted linear layer or embedding, and
 * copies of its own of whatever of the base it trains (modules saved whole, biases). The base's
 * tensors never change, so that disabling or unmerging gives back the very bytes.
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

  /** The base's weights that are merged now, with what answers in their place. */
  private final Map<Parameter, Parameter> merged = new LinkedHashMap<>();

  private Adapter(Model model, AdapterConfig asked) {
    this.model = model;
    ModulesToSave saved = ModulesToSave.of(model, asked.modulesToSave());
    Targets targets =
        asked.targets().orDefaultsOf(model.config().modelType()).inMemory(namesOnDisk(model));
    List<String> adapted = targets.match(paths(asked), saved::contains, notLinear(model));
    asked.mustMatch(adapted);
    config =
        asked.with(
            resolved(targets, adapted), List.copyOf(union(asked.modulesToSave(), saved.modules())));
    for (String path : adapted) {
      addPlace(path, place(path));
    }
    config
        .trainableTokens()
        .byPath(model.embeddings().keySet())
        .forEach((path, tokens) -> addTokens(path, tokens, adapted, saved));
    for (Parameter base : model.parameters().values()) {
      String name = model.nameInMemory(base.name());
      if (saved.contains(name)) {
        addCopy(base, PeftNames.ofBase(name));
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
    Torch.seed(seed);
    Adapter adapter = new Adapter(model, config);
    adapter.train();
    return adapter;
  }

  /** Slips in an adapter whose values are to be read from a file: nothing is trainable. */
  static Adapter attachFrozen(Model model, AdapterConfig config) {
    mustBeFree(model);
    return new Adapter(model, config);
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
  }

  /** The paths of all layers that can be adapted. */
  private List<String> paths(AdapterConfig asked) {
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

  private Place place(String path) {
    try (Scope scope = Scope.open()) {
      EmbeddingSlot table = model.embeddings().get(path);
      if (table != null) {
        return new Place.OfEmbedding(table, config.embedding(table.base(), model.weightScope()));
      }
      ProjectionSlot slot = Objects.requireNonNull(model.projections().get(path), path);
      return new Place.OfProjection(slot, config.layer(slot.base(), model.weightScope()));
    }
  }

  private void addCopy(Parameter base, String name) {
    try (Scope scope = Scope.open()) {
      Tensor own = base.value().copy().to(DType.FLOAT32); // whatever the base is stored in
      Parameter copy = new Parameter(base.name(), own, model.weightScope());
      copies.put(base, copy);
      parameters.put(name, copy);
    }
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

  private String module(Parameter parameter) {
    return model.nameInMemory(onDisk(parameter));
  }

  /** The module of a parameter, as on disk. */
  private static String onDisk(Parameter parameter) {
    return parameter.name().substring(0, parameter.name().lastIndexOf('.'));
  }

  /** What the linear layers' paths would be on disk. */
  private static Map<String, String> namesOnDisk(Model model) {
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

  /** The tensors of its file, with {@link AdapterConfig#saved} as the settings. */
  Map<String, Tensor> saved() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    parameters.forEach((name, parameter) -> tensors.put(name, parameter.original()));
    places.forEach(
        (path, place) ->
            place
                .adapted()
                .saved()
                .forEach((name, tensor) -> tensors.put(PeftNames.ofLayer(path, name), tensor)));
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

  /** Makes all parameters of the adapter trainable. */
  public void train() {
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
    copies.forEach(Parameter::substitute);
    enabled = true;
  }

  /** Lets the base answer as it was before the adapter, until {@link #enable} or {@link #merge}. */
  public void disable() {
    takeMergeBack();
    places.values().forEach(Place::reset);
    copies.forEach(Parameter::restore);
    enabled = false;
  }

  /**
   * Folds the adapter into the model: each adapted weight is replaced by the one that gives the
   * same output alone, computed in float32 and rounded once to the base's type. Merging twice
   * changes nothing. An embedding's merge leaves output weights that are tied to it as they are,
   * and the other way round.
   *
   * @throws LorikeetException when a merged weight has NaN or infinite elements, or a layer has no
   *     bias that the adapter's can be merged into; nothing is changed
   */
  public void merge() {
    if (isMerged()) {
      return;
    }
    copies.forEach(Parameter::substitute); // what is merged may start from them
    Map<Parameter, Parameter> weights = new LinkedHashMap<>();
    try {
      places.forEach((path, place) -> addMerged(path, place, weights));
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
    enabled = false;
  }

  private void addMerged(String path, Place place, Map<Parameter, Parameter> weights) {
    try (Scope scope = Scope.open()) {
      place
          .merged()
          .forEach(
              (base, value) -> {
                if (!value.isFinite()) {
                  throw new LorikeetException(
                      path
                          + ": the merged weight has NaN or infinite elements; nothing was merged");
                }
                Tensor stored = value.to(base.original().dtype());
                weights.put(base, new Parameter(base.name(), stored, model.weightScope()));
              });
    }
  }

  /** Takes a merge back: the base's weights are the very bytes that they were. */
  public void unmerge() {
    enable();
  }

  public boolean isMerged() {
    return !merged.isEmpty();
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
  }

  /** Takes the adapter out of the model and frees it; it must not be used again. */
  public void remove() {
    disable();
    Set<Parameter> own = new LinkedHashSet<>(parameters.values());
    own.addAll(copies.values());
    places.values().forEach(place -> own.addAll(place.adapted().constants()));
    own.forEach(Parameter::free);
  }
}
