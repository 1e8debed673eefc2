package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A place in a checkpoint, from which an architecture takes its parts by name. Walking it
 * <em>is</em> the loading: what {@code weights.at("encoder").linear("query", D, D)} reads is {@code
 * encoder.query.weight} and {@code encoder.query.bias}.
 *
 * <p>A tensor that the checkpoint lacks is an error, except below {@link #orNew}: heads that are to
 * be trained are drawn from the seed, each by its own name, so that one tensor's values do not
 * depend on which others are missing.
 */
public final class Weights {
  /** The module of what may be missing and is good as it starts. */
  private static final String AS_IT_STARTS = "";

  private final Build build;
  private final String path;
  private final @Nullable String newModule;

  private Weights(Build build, String path, @Nullable String newModule) {
    this.build = build;
    this.path = path;
    this.newModule = newModule;
  }

  /** What all places of one model share. */
  static final class Build {
    final @Nullable Checkpoint checkpoint;
    final String basePrefix;
    final Mode mode;
    final Scope owner;
    final Initialization initialization;
    final double initializerRange;
    final long seed;
    final ModuleNames names;
    final Map<String, List<String>> tiedWeights;
    final boolean tiesWeights;

    /** Where tensors are written down instead of being made; null to make them. */
    final @Nullable Map<String, Blueprint.Entry> blueprint;

    final Map<String, Parameter> parameters = new LinkedHashMap<>();
    final Map<String, ProjectionSlot> projections = new LinkedHashMap<>();
    final Map<String, EmbeddingSlot> embeddings = new LinkedHashMap<>();
    final Set<String> newModules = new LinkedHashSet<>();
    final List<String> otherOutputs = new ArrayList<>();
    final List<ProjectionSlot> outputs = new ArrayList<>();

    /** Embeddings whose tables a head reads without a layer of its own. */
    final Set<EmbeddingSlot> readByHead = new HashSet<>();

    /** Whether the checkpoint has output weights of their own where config.json ties them. */
    boolean untied;

    /** The checkpoint's tensors that were read, and those that it lacks, with their shapes. */
    final Set<String> read = new HashSet<>();

    final Map<String, long[]> filledIn = new LinkedHashMap<>();
    final Set<String> goodAsTheyStart = new HashSet<>();

    Build(
        @Nullable Checkpoint checkpoint,
        Mode mode,
        Scope owner,
        Initialization initialization,
        double initializerRange,
        long seed,
        Architecture.Factory factory,
        boolean tiesWeights,
        @Nullable Map<String, Blueprint.Entry> blueprint) {
      this.checkpoint = checkpoint;
      this.basePrefix = factory.basePrefix().isEmpty() ? "" : factory.basePrefix() + ".";
      this.mode = mode;
      this.owner = owner;
      this.initialization = initialization;
      this.initializerRange = initializerRange;
      this.seed = seed;
      this.names = factory.moduleNames();
      this.tiedWeights = tiesWeights ? factory.tiedWeights() : Map.of();
      this.tiesWeights = tiesWeights;
      this.blueprint = blueprint;
    }

    Weights root() {
      return new Weights(this, "", null);
    }
  }

  /** The place {@code name} below this one; dots walk further. */
  public Weights at(String name) {
    return new Weights(build, path.isEmpty() ? name : path + "." + name, newModule);
  }

  public Weights at(int index) {
    return at(Integer.toString(index));
  }

  /**
   * This place, where what belongs to {@code module} may be new: what the checkpoint lacks, or has
   * for another number of outputs, is drawn from the seed.
   */
  public Weights orNew(String module) {
    return new Weights(build, path, module);
  }

  /** Whether the checkpoint has a tensor of that name below this place. */
  boolean has(String name) {
    Checkpoint checkpoint = build.checkpoint;
    return checkpoint != null && checkpoint.has(storedName(checkpoint, at(name).path));
  }

  /** Whether there is no checkpoint: everything is new. */
  boolean isScratch() {
    return build.checkpoint == null;
  }

  /** A linear layer: {@code name.weight} [out, in] and {@code name.bias} [out]. */
  public Projection linear(String name, long out, long in) {
    return linear(name, out, in, true);
  }

  /** A linear layer with or without a bias. */
  public Projection linear(String name, long out, long in, boolean bias) {
    return at(name).linear(at(name).matrix("weight", out, in), bias ? out : 0, false);
  }

  /** GPT-2's linear layer: {@code name.weight} is stored transposed, [in, out]. */
  public Projection conv1d(String name, long out, long in) {
    return at(name).linear(at(name).matrix("weight", in, out), out, true);
  }

  /**
   * The output layer that scores words: its weight [V, D] is the table of word embeddings where the
   * two are tied, else its own. They are where config.json says so, unless the checkpoint has both
   * and they differ.
   *
   * @param words the table
   * @param bias [V], or null for none
   */
  public Projection output(String name, Parameter words, @Nullable Parameter bias) {
    Weights here = at(name);
    String weight = here.at("weight").path;
    if (here.isTied(weight, words)) {
      return output(here.linear(words.use(weight), bias, false));
    }
    build.untied |= build.tiesWeights;
    long[] shape = words.original().shape();
    return output(here.linear(here.matrix("weight", shape[0], shape[1]), bias, false));
  }

  /**
   * The scores of words by an embedding's table as the embedding has it, with no layer of their
   * own: a copy of the table is seen by both.
   *
   * @param bias [V]
   */
  Projection outputOf(EmbeddingSlot words, Parameter bias) {
    build.readByHead.add(words);
    Parameter table = words.base().weight();
    DType type = build.mode.dtype();
    return x -> Ops.linear(x, table.value(type), bias.value(type));
  }

  /** An output layer without a bias whose weight is its own. */
  public Projection ownOutput(String name, long words, long width) {
    return output(at(name).linear(at(name).matrix("weight", words, width), null, false));
  }

  private ProjectionSlot output(ProjectionSlot slot) {
    build.outputs.add(slot);
    return slot;
  }

  private boolean isTied(String name, Parameter words) {
    Checkpoint checkpoint = build.checkpoint;
    String stored = checkpoint == null ? name : storedName(checkpoint, name);
    if (checkpoint == null || !checkpoint.has(stored)) {
      return build.tiesWeights;
    }
    return build.tiesWeights && isOne(checkpoint, stored, storedName(checkpoint, words.name()));
  }

  private boolean isOne(Checkpoint checkpoint, String one, String other) {
    build.read.add(one);
    try (Scope scope = Scope.open()) {
      return one.equals(other)
          || (Arrays.equals(checkpoint.shape(one), checkpoint.shape(other))
              && checkpoint.tensor(one).sameAs(checkpoint.tensor(other)));
    }
  }

  /**
   * Checks that the checkpoint has no other table under a name that is read as one and the same.
   *
   * @throws LorikeetException when it has, naming both
   */
  public void mustBeOne(String name, Parameter words) {
    Checkpoint checkpoint = build.checkpoint;
    if (checkpoint == null || !checkpoint.has(name)) {
      return;
    }
    String table = storedName(checkpoint, words.name());
    if (!isOne(checkpoint, name, table)) {
      throw new LorikeetException(
          checkpoint.folder()
              + ": tensors \""
              + name
              + "\" and \""
              + table
              + "\" differ, and only one table for both is supported");
    }
  }

  /**
   * An output layer's bias [size], which checkpoints have beside the layer or in it: that in it is
   * what transformers computes with. Zeros where it is in neither place.
   */
  public Parameter outputBias(String beside, String inLayer, long size) {
    Checkpoint checkpoint = build.checkpoint;
    String stored = checkpoint != null && has(inLayer) ? inLayer : beside;
    return orNew(AS_IT_STARTS)
        .parameter(
            beside, at(stored).path, () -> Tensor.full(0, DType.FLOAT32, Device.CPU, size), size);
  }

  /** The layer at this place, with a bias where it is to have some elements. */
  private ProjectionSlot linear(Parameter weight, long biases, boolean transposed) {
    return linear(weight, biases == 0 ? null : vector("bias", 0, biases), transposed);
  }

  private ProjectionSlot linear(Parameter weight, @Nullable Parameter bias, boolean transposed) {
    String module = build.names.inMemory(path);
    Parameter own = bias == null ? null : bias.as(at("bias").path);
    Linear linear = new Linear(module, weight, own, transposed, build.mode);
    ProjectionSlot slot = new ProjectionSlot(linear);
    build.projections.put(module, slot);
    return slot;
  }

  /** A matrix [rows, columns] by itself; where it is new it is drawn like a layer's weight. */
  public Parameter matrix(String name, long rows, long columns) {
    return parameter(
        name,
        () -> build.initialization.draw(rows, columns, build.initializerRange),
        rows,
        columns);
  }

  /** A tensor of any shape by itself; where it is new it is drawn from N(0, std²), truncated. */
  public Parameter normal(String name, double std, long... shape) {
    return parameter(name, () -> Tensor.truncatedNormal(std, shape), shape);
  }

  /** A table of vectors: {@code name.weight} [rows, width]. */
  public EmbeddingSlot embedding(String name, long rows, long width) {
    Weights here = at(name);
    Parameter weight = here.normal("weight", build.initializerRange, rows, width);
    String module = build.names.inMemory(here.path);
    EmbeddingSlot slot =
        new EmbeddingSlot(new Embedding(module, weight.use(weight.name()), build.mode));
    build.embeddings.put(module, slot);
    return slot;
  }

  /** An RMS norm: {@code name.weight} [width], which is 1 − {@code offset} where it is new. */
  public RmsNorm rmsNorm(String name, long width, double eps, double offset) {
    return new RmsNorm(at(name).vector("weight", 1 - offset, width), eps, offset, build.mode);
  }

  /** A layer norm: {@code name.weight} [width] and {@code name.bias} [width]. */
  public LayerNorm layerNorm(String name, long width, double eps) {
    return layerNorm(name, width, eps, true);
  }

  /** A layer norm with or without a bias. */
  public LayerNorm layerNorm(String name, long width, double eps, boolean bias) {
    Weights here = at(name);
    Parameter weight = here.vector("weight", 1, width);
    return new LayerNorm(weight, bias ? here.vector("bias", 0, width) : null, eps, build.mode);
  }

  /**
   * A vector that the checkpoint may lack; it then is {@code otherwise} everywhere, and belongs to
   * no new module: nobody has to train it.
   */
  public Parameter vectorOr(String name, double otherwise, long size) {
    return orNew(AS_IT_STARTS).vector(name, otherwise, size);
  }

  /** A vector that starts, where it is new, with {@code start} everywhere. */
  public Parameter vector(String name, double start, long size) {
    return parameter(name, () -> Tensor.full(start, DType.FLOAT32, Device.CPU, size), size);
  }

  /** Numbers that no checkpoint holds, [values.length], float32, on the model's device. */
  Tensor constant(float... values) {
    try (Scope scope = Scope.open()) {
      return build.owner.adopt(Tensor.of(values, values.length).to(build.mode.device()));
    }
  }

  public Dropout dropout(double p) {
    return new Dropout(p, build.mode);
  }

  public Mode mode() {
    return build.mode;
  }

  private Parameter parameter(String leaf, Supplier<Tensor> draw, long... shape) {
    return parameter(leaf, at(leaf).path, draw, shape);
  }

  /**
   * A parameter.
   *
   * @param found the name that the checkpoint has it under
   */
  private Parameter parameter(String leaf, String found, Supplier<Tensor> draw, long... shape) {
    String name = at(leaf).path;
    Parameter known = build.parameters.get(name);
    if (known != null) {
      return known;
    }
    try (Scope scope = Scope.open()) {
      Tensor value = read(found, shape);
      if (value == null) {
        value = first(name, draw, shape);
      }
      Tensor placed = value.to(build.mode.dtype()).to(build.mode.device());
      Parameter parameter = new Parameter(name, placed, build.owner);
      build.parameters.put(name, parameter);
      return parameter;
    }
  }

  /** A new tensor's first value, or in a blueprint what stands for it and takes no memory. */
  private Tensor first(String name, Supplier<Tensor> draw, long[] shape) {
    long seed = build.seed * 0x9E3779B97F4A7C15L + name.hashCode();
    Blueprint.Entry entry = new Blueprint.Entry(name, shape, seed, draw);
    if (build.blueprint == null) {
      return entry.draw();
    }
    build.blueprint.put(name, entry);
    return Tensor.zeros(build.mode.dtype(), build.mode.device(), 1).expand(shape);
  }

  /** The checkpoint's tensor, or null where a new one is to be drawn. */
  private @Nullable Tensor read(String name, long[] shape) {
    if (build.checkpoint == null) {
      return null;
    }
    Checkpoint checkpoint = build.checkpoint;
    String stored = storedName(checkpoint, name);
    if (newModule != null && (!checkpoint.has(stored) || otherOutputs(checkpoint, stored, shape))) {
      if (!newModule.equals(AS_IT_STARTS)) {
        build.newModules.add(newModule);
      }
      if (newModule.equals(AS_IT_STARTS)) {
        build.goodAsTheyStart.add(name);
      }
      build.filledIn.put(name, shape.clone());
      if (checkpoint.has(stored)) {
        build.read.add(stored);
        build.otherOutputs.add(difference(checkpoint, stored, shape));
      }
      return null;
    }
    if (checkpoint.has(stored) && !Arrays.equals(checkpoint.shape(stored), shape)) {
      throw new LorikeetException(
          checkpoint.folder()
              + ": "
              + difference(checkpoint, stored, shape)
              + ": is this config.json from another checkpoint?");
    }
    build.read.add(stored);
    return build.blueprint != null && checkpoint.has(stored) ? null : checkpoint.tensor(stored);
  }

  private static String difference(Checkpoint checkpoint, String stored, long[] shape) {
    return "tensor \""
        + stored
        + "\" is "
        + Arrays.toString(checkpoint.shape(stored))
        + ", config.json asks for "
        + Arrays.toString(shape);
  }

  /** Whether only the number of outputs differs, as for a head made for other labels. */
  private static boolean otherOutputs(Checkpoint checkpoint, String stored, long[] shape) {
    long[] found = checkpoint.shape(stored);
    return found.length == shape.length
        && found[0] != shape[0]
        && Arrays.equals(found, 1, found.length, shape, 1, shape.length);
  }

  /**
   * The name under which the checkpoint has {@code name}: the encoder's prefix is absent from
   * encoders saved without a head, old checkpoints call a norm's weight and bias gamma and beta,
   * and a table may be there as the output weights that are tied to it.
   */
  private String storedName(Checkpoint checkpoint, String name) {
    String bare =
        name.startsWith(build.basePrefix) ? name.substring(build.basePrefix.length()) : name;
    for (String candidate : new String[] {name, bare, build.basePrefix + name}) {
      String old =
          candidate
              .replaceFirst("LayerNorm\\.weight$", "LayerNorm.gamma")
              .replaceFirst("LayerNorm\\.bias$", "LayerNorm.beta");
      if (checkpoint.has(candidate)) {
        return candidate;
      } else if (checkpoint.has(old)) {
        return old;
      }
    }
    String whole = build.basePrefix + bare;
    return Stream.of(name, whole)
        .flatMap(table -> build.tiedWeights.getOrDefault(table, List.of()).stream())
        .filter(checkpoint::has)
        .findFirst()
        .orElse(name);
  }
}
