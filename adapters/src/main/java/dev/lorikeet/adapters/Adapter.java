package dev.lorikeet.adapters;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * An adapter slipped into a model: a layer around each adapted projection, and copies of its own of
 * whatever of the base it trains (modules saved whole, biases). The base's tensors never change, so
 * that disabling or unmerging gives back the very bytes.
 */
public final class Adapter {
  private final Model model;
  private final AdapterConfig config;
  private final Map<String, AdapterLayer> layers = new LinkedHashMap<>();

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
    List<String> adapted =
        targets.match(model.projections().keySet(), saved::contains, heads(model));
    asked.mustMatch(adapted);
    config =
        asked.with(
            resolved(targets, adapted), List.copyOf(union(asked.modulesToSave(), saved.modules())));
    for (String path : adapted) {
      addLayer(path);
    }
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
    for (ProjectionSlot slot : model.projections().values()) {
      if (slot.isFilled()) {
        throw new LorikeetException(
            slot.path() + " has an adapter already: disable or merge that one first");
      }
    }
  }

  private void addLayer(String path) {
    try (Scope scope = Scope.open()) {
      AdapterLayer layer = config.layer(slot(path).base(), model.weightScope());
      layers.put(path, layer);
      layer
          .parameters()
          .forEach((name, parameter) -> parameters.put(PeftNames.ofLayer(path, name), parameter));
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

  /** The linear layers that {@code all-linear} leaves out: those of no encoder layer or pooler. */
  private static Set<String> heads(Model model) {
    Set<String> heads = new LinkedHashSet<>();
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

  private ProjectionSlot slot(String path) {
    return Objects.requireNonNull(model.projections().get(path), path);
  }

  // ---- what it is ----

  /** The settings, with {@code all-linear} and the modules to save spelt out. */
  public AdapterConfig config() {
    return config;
  }

  public Model model() {
    return model;
  }

  /** The adapted layers by their path in the model. */
  public Map<String, AdapterLayer> layers() {
    return Collections.unmodifiableMap(layers);
  }

  /** Whether all adapted weights are stored transposed, [in, out], as GPT-2's are. */
  boolean isOnTransposedWeights() {
    return !layers.isEmpty()
        && layers.keySet().stream().allMatch(path -> slot(path).base().transposed());
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
    layers.forEach((path, layer) -> slot(path).fill(layer));
    copies.forEach(Parameter::substitute);
  }

  /** Lets the base answer as it was before the adapter, until {@link #enable} or {@link #merge}. */
  public void disable() {
    takeMergeBack();
    layers.keySet().forEach(path -> slot(path).reset());
    copies.forEach(Parameter::restore);
  }

  /**
   * Folds the adapter into the model: each adapted weight is replaced by the one that gives the
   * same output alone, computed in float32 and rounded once to the base's type. Merging twice
   * changes nothing.
   *
   * @throws LorikeetException when a merged weight has NaN or infinite elements; nothing is changed
   */
  public void merge() {
    if (isMerged()) {
      return;
    }
    Map<String, Parameter> weights = new LinkedHashMap<>();
    try {
      layers.forEach((path, layer) -> weights.put(path, mergedWeight(path, layer)));
    } catch (RuntimeException e) {
      weights.values().forEach(Parameter::free);
      throw e;
    }
    weights.forEach(
        (path, weight) -> {
          Parameter base = slot(path).base().weight();
          slot(path).reset();
          base.substitute(weight);
          merged.put(base, weight);
        });
    copies.forEach(Parameter::substitute);
  }

  private Parameter mergedWeight(String path, AdapterLayer layer) {
    try (Scope scope = Scope.open()) {
      Parameter base = slot(path).base().weight();
      Tensor weight = layer.mergedWeight();
      if (!weight.isFinite()) {
        throw new LorikeetException(
            path + ": the merged weight has NaN or infinite elements; nothing was merged");
      }
      Tensor stored = slot(path).base().orient(weight).contiguous().to(base.original().dtype());
      return new Parameter(base.name(), stored, model.weightScope());
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
    parameters.values().forEach(Parameter::free);
  }
}
