package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
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

    /** Where tensors are written down instead of being made; null to make them. */
    final @Nullable Map<String, Blueprint.Entry> blueprint;

    final Map<String, Parameter> parameters = new LinkedHashMap<>();
    final Map<String, ProjectionSlot> projections = new LinkedHashMap<>();
    final Map<String, EmbeddingSlot> embeddings = new LinkedHashMap<>();
    final Set<String> newModules = new LinkedHashSet<>();
    final List<String> otherOutputs = new ArrayList<>();

    Build(
        @Nullable Checkpoint checkpoint,
        String basePrefix,
        Mode mode,
        Scope owner,
        Initialization initialization,
        double initializerRange,
        long seed,
        ModuleNames names,
        @Nullable Map<String, Blueprint.Entry> blueprint) {
      this.checkpoint = checkpoint;
      this.basePrefix = basePrefix.isEmpty() ? "" : basePrefix + ".";
      this.mode = mode;
      this.owner = owner;
      this.initialization = initialization;
      this.initializerRange = initializerRange;
      this.seed = seed;
      this.names = names;
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

  /** A linear layer without a bias whose weight [out, in] is another module's. */
  public Projection tied(String name, Parameter weight) {
    return at(name).linear(weight.use(at(name).at("weight").path), 0, false);
  }

  /** The layer at this place, with a bias where it is to have some elements. */
  private Projection linear(Parameter weight, long biases, boolean transposed) {
    Parameter bias = biases == 0 ? null : vector("bias", 0, biases);
    String module = build.names.inMemory(path);
    Linear linear = new Linear(module, weight, bias, transposed, build.mode);
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
    String name = at(leaf).path;
    Parameter known = build.parameters.get(name);
    if (known != null) {
      return known;
    }
    try (Scope scope = Scope.open()) {
      Tensor value = read(name, shape);
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
      if (checkpoint.has(stored)) {
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
   * encoders saved without a head, and old checkpoints call a norm's weight and bias gamma and
   * beta.
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
    return name;
  }
}
