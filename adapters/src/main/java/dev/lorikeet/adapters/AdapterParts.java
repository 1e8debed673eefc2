package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an adapter consists of, made for one model: the base as it is without any adapter must
 * answer while they are made.
 */
final class AdapterParts {
  /** The settings, with {@code all-linear} and the modules to save spelt out. */
  final AdapterConfig config;

  /** The paths that the method's layers, or copies, are for. */
  final List<String> adapted;

  /** The adapted layers by their paths. */
  final Map<String, Place> places = new LinkedHashMap<>();

  /** The base's parameters that the adapter has copies of, with those copies. */
  final Map<Parameter, Parameter> copies = new LinkedHashMap<>();

  /** Those of the copies that are lone biases: PEFT trains these where they are. */
  final Set<Parameter> biases = new HashSet<>();

  /** All that is trained, under PEFT's names. */
  final Map<String, Parameter> parameters = new LinkedHashMap<>();

  /** What the adapted layers have in common, by name. */
  final Map<String, Parameter> shared;

  /** What stands before the tokens, if the method changes them. */
  final @Nullable InputAdapter input;

  /** What the method does in training beside answering, if it does. */
  final @Nullable TrainingPart trainingPart;

  /** What is trained once for embeddings and the output weights that are tied to them. */
  final WeightTying tying;

  private final Model model;

  /**
   * The parts for a model.
   *
   * @param stored whether the values are to be read from a file
   * @throws UsageException when a target, a module to save or a pattern matches nothing
   */
  AdapterParts(Model model, AdapterConfig asked, boolean stored) {
    this.model = model;
    tying = WeightTying.of(model, asked);
    ModulesToSave saved = ModulesToSave.of(model, tying.modulesToSave(asked.modulesToSave()));
    AdapterConfig chosen = asked.resolvedFor(model.config());
    Targets targets = tying.targets(chosen.targets().inMemory(namesOnDisk(model)));
    adapted = adapted(chosen, targets, saved);
    config =
        chosen.with(
            resolved(targets, adapted), List.copyOf(union(asked.modulesToSave(), saved.modules())));
    input = config instanceof InputConfig changed ? changed.input(model, stored) : null;
    if (input != null) {
      parameters.putAll(input.parameters());
    }
    LayerMaker maker = config.copiesAs().isPresent() || input != null ? null : addLayers();
    shared = maker == null ? Map.of() : maker.shared();
    trainingPart = maker == null ? null : maker.trainingPart();
    config
        .trainableTokens()
        .byPath(model.embeddings().keySet())
        .forEach((path, tokens) -> addTokens(path, tokens, saved));
    for (Parameter base : model.moduleParameters().values()) {
      String name = model.nameInMemory(base.name());
      if (saved.contains(name)) {
        addCopy(tying.saves(name) ? base.shared() : base, nameOfSaved(name));
      } else if (config.copiesAs().isPresent()) {
        addCopyOfAdapted(base, config.copiesAs().get());
      } else if (trainsBias(base)) {
        biases.add(addCopy(base, biasName(base)));
      }
    }
  }

  /** The paths that the method's layers, or copies, are for. */
  private List<String> adapted(AdapterConfig chosen, Targets targets, ModulesToSave saved) {
    if (chosen instanceof InputConfig) {
      return List.of();
    }
    List<String> matched = targets.match(paths(chosen), saved::contains, notLinear(model));
    List<String> all = tying.adapted(matched, targets);
    chosen.mustMatch(all);
    return all;
  }

  /** Puts layers around what is adapted. */
  private LayerMaker addLayers() {
    AdapterConfig start = model.isPlanned() ? config.planned() : config;
    LayerMaker maker = start.layers(linear(), model.weightScope());
    for (String path : adapted) {
      addPlace(path, place(path, maker));
    }
    return maker;
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

  private void addTokens(String path, List<Integer> tokens, ModulesToSave saved) {
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

  private List<Linear> linear() {
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
        return new Place.OfEmbedding(
            table, config.embedding(table.base(), model.weightScope()), tying.isAdaptedTable(path));
      }
      ProjectionSlot slot = Objects.requireNonNull(model.projections().get(path), path);
      if (tying.isAdaptedOutput(path)) {
        return new Place.OfTied(slot, config.tied(slot.base(), adaptedTable()));
      }
      return new Place.OfProjection(slot, maker.around(slot.base()));
    }
  }

  /** What is around the embedding that outputs share the update of. */
  private AdapterEmbedding adaptedTable() {
    return places.values().stream()
        .filter(place -> place instanceof Place.OfEmbedding table && table.tied())
        .map(place -> ((Place.OfEmbedding) place).adapted())
        .findFirst()
        .orElseThrow();
  }

  private Parameter addCopy(Parameter base, String name) {
    try (Scope scope = Scope.open()) {
      Tensor own = // in float32, whatever the base is stored in
          model.isPlanned()
              ? Tensor.zeros(DType.FLOAT32, base.value().device(), 1).expand(base.value().shape())
              : base.value().copy().to(DType.FLOAT32);
      Parameter copy = new Parameter(base.name(), own, model.weightScope());
      copies.put(base, copy);
      parameters.put(name, copy);
      return copy;
    }
  }

  private void addCopyOfAdapted(Parameter base, String copies) {
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

  private boolean trainsBias(Parameter base) {
    return switch (config.bias()) {
      case NONE -> false;
      case ALL -> base.name().endsWith(".bias") && base.shared() == base;
      case LORA_ONLY -> base.name().endsWith(".bias") && adapted.contains(module(base));
    };
  }

  private String biasName(Parameter bias) {
    return adapted.contains(module(bias))
        ? PeftNames.ofAdaptedBias(module(bias))
        : PeftNames.ofBase(model.nameInMemory(bias.name()));
  }

  /** All tensors that it computes with, trained or not. */
  Set<Parameter> tensors() {
    Set<Parameter> own = new LinkedHashSet<>(parameters.values());
    own.addAll(copies.values());
    places.values().forEach(place -> own.addAll(place.adapted().constants()));
    own.addAll(shared.values());
    return own;
  }

  /** The module of a parameter, as in memory. */
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

  /** What {@code all-linear} leaves out: embeddings, and the layer that answers. */
  private static Set<String> notLinear(Model model) {
    Set<String> paths = new LinkedHashSet<>(model.embeddings().keySet());
    paths.add(model.headModules().output());
    return paths;
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
}
