package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A transformer with its head: parameters under the checkpoint's names, and the projections where
 * adapters can slip in. All parameters are frozen at first. Closing the model frees its weights.
 *
 * <p>Threads: any number may send passes through a model at the same time. What changes who answers
 * (attaching, activating, merging an adapter) or trains has the model to itself: it waits for the
 * passes under way, and later ones wait for it, so each pass sees the weights and adapters as they
 * were before a change or as they are after it. {@link #share} makes several passes see the same,
 * {@link #exclusive} makes several changes appear as one. {@link #close} waits likewise, and
 * whatever comes later throws. A thread cannot change or close a model in the middle of its own
 * pass.
 */
public final class Model implements AutoCloseable {
  private static final UnaryOperator<ModelInput> AS_THEY_ARE = UnaryOperator.identity();

  private final ModelConfig config;
  private final @Nullable HeadType headType;
  private final Mode mode;
  private final Scope weights;
  private final Weights.Build build;
  private final Architecture architecture;
  private final @Nullable Checkpoint checkpoint;
  private final ModelLock lock = new ModelLock();
  private UnaryOperator<ModelInput> prepare = AS_THEY_ARE;

  /** The right to use a model, until it is closed by the thread that asked for it. */
  public interface Lease extends AutoCloseable {
    @Override
    void close();
  }

  private Model(
      ModelConfig config,
      @Nullable HeadType type,
      @Nullable Checkpoint checkpoint,
      Mode mode,
      Scope weights,
      ModelOptions options,
      @Nullable Map<String, Blueprint.Entry> blueprint) {
    this.config = config;
    headType = type;
    this.mode = mode;
    this.weights = weights;
    this.checkpoint = checkpoint;
    Architecture.Factory factory = Architectures.of(config);
    if (type != null) {
      config.mustHaveHead(type);
    }
    Initialization initialization =
        options.scratch() == null ? Initialization.PAPER : options.scratch();
    build =
        new Weights.Build(
            options.scratch() == null ? checkpoint : null,
            mode,
            weights,
            initialization,
            config.number("initializer_range", 0.02),
            options.seed(),
            factory,
            factory.tiesWeights(config),
            blueprint);
    architecture = factory.build(config, type, build.root());
    if (build.checkpoint != null) {
      new Twins(build, build.checkpoint).mustNotBe();
    }
  }

  /**
   * Opens a checkpoint: a folder with {@code config.json} and safetensors. Weights that are stored
   * in the asked precision stay memory-mapped.
   *
   * @throws dev.lorikeet.torch.LorikeetException when the folder is not a checkpoint, its {@code
   *     model_type} is not supported, or a tensor is missing or has another shape than config.json
   *     asks for
   */
  public static Model open(Path folder, ModelOptions options) {
    ModelConfig config = withHead(ModelConfig.read(folder), options);
    Architectures.of(config);
    Checkpoint checkpoint = options.scratch() == null ? Checkpoint.open(folder) : null;
    return build(config, checkpoint, options, null);
  }

  /** {@link #open(Path, ModelOptions)} of a folder whose weights were opened before. */
  public static Model open(Checkpoint checkpoint, ModelOptions options) {
    ModelConfig config = withHead(ModelConfig.read(checkpoint.folder()), options);
    Architectures.of(config);
    return build(config, options.scratch() == null ? checkpoint : null, options, null);
  }

  /**
   * A model whose tensors are written down and not made: each weight is one zero that is seen
   * everywhere.
   */
  static Model planned(
      ModelConfig read,
      @Nullable Checkpoint checkpoint,
      ModelOptions options,
      Map<String, Blueprint.Entry> blueprint) {
    return build(withHead(read, options), checkpoint, options, blueprint);
  }

  private static ModelConfig withHead(ModelConfig read, ModelOptions options) {
    Integer padTokenId = options.padTokenId();
    ModelConfig padded = padTokenId == null ? read : read.withPadTokenId(padTokenId);
    ModelConfig config =
        options.headType() == null
            ? padded
            : padded.withHead(options.headType(), options.labels(), options.problemType());
    return options.dropouts().in(config, Architectures.of(config).dropouts());
  }

  private static Model build(
      ModelConfig config,
      @Nullable Checkpoint checkpoint,
      ModelOptions options,
      @Nullable Map<String, Blueprint.Entry> blueprint) {
    HeadType type = options.headType() == null ? config.headType() : options.headType();
    Scope weights = Scope.unbound();
    try {
      Mode mode = new Mode(options.precision(), options.device());
      return new Model(config, type, checkpoint, mode, weights, options, blueprint);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The configuration, with the head that the model has. */
  public ModelConfig config() {
    return config;
  }

  /** The kind of its head; null for an encoder alone. */
  public @Nullable HeadType headType() {
    return headType;
  }

  /** The modules of the head; none for an encoder alone. */
  public HeadModules headModules() {
    return headType == null ? HeadModules.NONE : config.headModules(headType);
  }

  /**
   * Whether a module or parameter belongs to the head, or to another module that the checkpoint
   * lacked.
   */
  public boolean isInHead(String path) {
    return headModules().contains(path)
        || newModules().stream().anyMatch(module -> path.startsWith(module + "."));
  }

  /** Whether it answers a text by another, as encoder-decoders with their head do. */
  public boolean isEncoderDecoder() {
    return headType != null && headType.reads() == HeadType.Reads.DECODER;
  }

  public Mode mode() {
    return mode;
  }

  /** The checkpoint that the weights were read from; null for a model from scratch. */
  public @Nullable Checkpoint checkpoint() {
    return checkpoint;
  }

  /** The base's parameters by name, in the order of the architecture. */
  public Map<String, Parameter> parameters() {
    return Collections.unmodifiableMap(build.parameters);
  }

  /** The places of the linear layers by path, in the order of the architecture. */
  public Map<String, ProjectionSlot> projections() {
    return Collections.unmodifiableMap(build.projections);
  }

  /** The places of the embedding tables by path, in the order of the architecture. */
  public Map<String, EmbeddingSlot> embeddings() {
    return Collections.unmodifiableMap(build.embeddings);
  }

  /** The output layers that score words; none for other heads. */
  public List<ProjectionSlot> outputs() {
    return Collections.unmodifiableList(build.outputs);
  }

  /**
   * The parameters as modules have them, by name: a table of embeddings as the embedding uses it,
   * and what is one with it as the output layer does. What replaces one of these is seen by that
   * module alone.
   */
  public Map<String, Parameter> moduleParameters() {
    Map<String, Parameter> own = new LinkedHashMap<>(build.parameters);
    build.embeddings.values().forEach(slot -> put(own, slot.base().weight()));
    for (ProjectionSlot output : build.outputs) {
      put(own, output.base().weight());
      if (output.base().bias() != null) {
        put(own, output.base().bias());
      }
    }
    return own;
  }

  private static void put(Map<String, Parameter> parameters, Parameter parameter) {
    parameters.put(parameter.name(), parameter);
  }

  /**
   * The name of a module or parameter in transformers' memory, by that on disk; the same for most
   * architectures. Parameters here go by their names on disk, projections by those in memory.
   */
  public String nameInMemory(String name) {
    return build.names.inMemory(name);
  }

  /** The modules whose weights the checkpoint lacked, drawn from the seed: they need training. */
  public Set<String> newModules() {
    return Collections.unmodifiableSet(build.newModules);
  }

  /**
   * Of the tensors of new modules those that the checkpoint has for another number of outputs: name
   * and both shapes.
   */
  public List<String> otherOutputs() {
    return Collections.unmodifiableList(build.otherOutputs);
  }

  /** Whether the weights have names and shapes only, and no values: see {@link Blueprint}. */
  public boolean isPlanned() {
    return build.blueprint != null;
  }

  /** The scope of the weights, for adapters whose parameters live as long as the model. */
  public Scope weightScope() {
    return weights;
  }

  /**
   * Keeps the model as it is until the lease is closed: for passes that belong together, such as
   * the batches of one prediction. Other threads may do the same.
   *
   * @throws IllegalStateException when the model was closed
   */
  public Lease share() {
    return lock.share();
  }

  /**
   * Gives the model to this thread alone until the lease is closed: for changes, and for training.
   * Waits for what other threads do with it.
   *
   * @throws IllegalStateException when the model was closed, or this thread shares it at the moment
   */
  public Lease exclusive() {
    return lock.exclusive();
  }

  /** Switches dropout on or off, for this thread's passes. */
  public void training(boolean on) {
    mode.training(on);
  }

  /**
   * What the head answers, in the model's precision; with gradients while {@link GradMode} is
   * enabled.
   *
   * @return [B, C] for sequences and images, [B, T, C] for tokens, [B, T, D] without a head
   */
  public Tensor logits(ModelInput input) {
    try (Lease pass = share()) {
      return mode.blocks(() -> head(features(input)));
    }
  }

  /**
   * What the head reads: the state that stands for a text or an image, or those of all tokens.
   *
   * @return [B, D] for sequences and images, [B, T, D] for tokens, with those of a soft prompt in
   *     front
   */
  public Tensor features(ModelInput input) {
    try (Lease pass = share()) {
      return mode.blocks(
          () -> {
            ModelInput prepared = prepare.apply(input.to(mode.device()));
            Tensor features = architecture.features(prepared);
            prepared.mustBeRead(config.modelType());
            return features;
          });
    }
  }

  /**
   * What the head answers of states, each by itself.
   *
   * @param features [..., D]
   * @return logits [..., C]
   */
  public Tensor head(Tensor features) {
    try (Lease pass = share()) {
      return Scope.tidy(() -> architecture.head(features));
    }
  }

  /**
   * The last hidden state of an encoder-decoder's encoder, for {@link
   * ModelInput#withEncoderStates}.
   *
   * @return [B, T, D], in the model's precision
   * @throws LorikeetException when it is no encoder-decoder
   */
  public Tensor encode(ModelInput input) {
    try (Lease pass = share()) {
      return Scope.tidy(() -> architecture.encode(prepare.apply(input.to(mode.device()))));
    }
  }

  /** Has every input changed before the model reads it, as soft prompts and prefixes do. */
  public void prepareInputs(UnaryOperator<ModelInput> change) {
    try (Lease alone = exclusive()) {
      prepare = change;
    }
  }

  /** Ends {@link #prepareInputs}. */
  public void takeInputsAsTheyAre() {
    prepareInputs(AS_THEY_ARE);
  }

  /** Whether inputs are changed before the model reads them. */
  public boolean preparesInputs() {
    return prepare != AS_THEY_ARE;
  }

  /** The forward pass itself, for what knows the architecture. */
  Architecture architecture() {
    return architecture;
  }

  /**
   * The tensors that a checkpoint of this model holds now, by name; views that live as long as it.
   */
  public Map<String, Tensor> stateDict() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    build.parameters.forEach((name, parameter) -> tensors.put(name, parameter.value()));
    build
        .embeddings
        .values()
        .forEach(slot -> tensors.put(slot.base().weight().name(), slot.base().weight().value()));
    for (ProjectionSlot output : build.outputs) {
      Parameter bias = output.base().bias();
      if (!isOneWithItsTable(output)) {
        tensors.put(output.base().weight().name(), output.base().weight().value());
        if (bias != null) {
          tensors.put(bias.name(), bias.value());
        }
      }
    }
    return tensors;
  }

  /** Whether an output layer computes with the values that an embedding has. */
  private boolean isOneWithItsTable(ProjectionSlot output) {
    return build.embeddings.values().stream()
        .anyMatch(words -> output.base().weight().value() == words.base().weight().value());
  }

  /** Whether an output layer that was tied to an embedding's table has other values now. */
  private boolean isParted() {
    return build.outputs.stream()
        .filter(output -> output.base().weight().shared() != output.base().weight())
        .anyMatch(output -> !isOneWithItsTable(output));
  }

  /**
   * The configuration of a checkpoint of this model as it computes now: where the output weights
   * are not, or after a merge no longer, one with the embedding, {@code tie_word_embeddings} is
   * false.
   */
  public ModelConfig storedConfig() {
    return (build.untied || isParted()) && Architectures.of(config).isUntiedByConfig()
        ? config.withFlag("tie_word_embeddings", false)
        : config;
  }

  /** Whether a language model's head reads an embedding's table without a layer of its own. */
  public boolean isReadByHead(EmbeddingSlot words) {
    return build.readByHead.contains(words);
  }

  /**
   * The names of the tensors that a parameter of the base is one and the same with: of an
   * embedding's table the output weights that are tied to it, and of these the table.
   */
  public List<String> sharing(Parameter parameter) {
    for (EmbeddingSlot words : build.embeddings.values()) {
      if (words.weight() == parameter.shared()) {
        List<String> names = new ArrayList<>();
        names.add(words.weight().name());
        tiedTo(words).forEach(head -> names.add(head.base().weight().name()));
        names.remove(parameter.name());
        return names;
      }
    }
    return List.of();
  }

  /** The output layers whose weights are an embedding's table. */
  public List<ProjectionSlot> tiedTo(EmbeddingSlot words) {
    return build.projections.values().stream()
        .filter(head -> head.base().weight().shared() == words.weight())
        .toList();
  }

  /** The number of elements of all parameters. */
  public static long count(Collection<Parameter> parameters) {
    return parameters.stream().mapToLong(Parameter::count).sum();
  }

  /**
   * Frees the weights, as soon as no other thread uses them. Closing twice does nothing.
   *
   * @throws IllegalStateException when this thread shares the model at the moment
   */
  @Override
  public void close() {
    lock.close(weights::close);
  }
}
