package dev.lorikeet.compare;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Sample;
import dev.lorikeet.data.Augmentation;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.MaskedLm;
import dev.lorikeet.data.Packing;
import dev.lorikeet.data.Truncated;
import dev.lorikeet.lora.Eva;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.ImageProcessor;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Checkpoints;
import dev.lorikeet.training.Samples;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingPlan;
import dev.lorikeet.training.TrainingResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * From a checkpoint and labelled texts, or images, to a trained model.
 *
 * <pre>{@code
 * FineTuning tuning = new FineTuning(checkpoint, FineTuningConfig.DEFAULT.withLora(LoraConfig.of(8, 16)));
 * try (TextModel tuned = tuning.train(examples, held)) {
 *   tuned.save(folder);
 * }
 * }</pre>
 */
public final class FineTuning {
  private final Path checkpoint;
  private final FineTuningConfig config;
  private TrainingListener listener = TrainingListener.SILENT;
  private @Nullable Checkpoints checkpoints;
  private @Nullable TrainingResult result;
  private @Nullable Checkpoint opened;
  private List<String> labelNames = List.of();
  private Truncated truncatedTraining = Truncated.NOTHING;
  private Truncated truncatedHeld = Truncated.NOTHING;
  private @Nullable AdapterFolder start;

  public FineTuning(Path checkpoint, FineTuningConfig config) {
    this.checkpoint = checkpoint;
    this.config = config;
  }

  /** Lets {@code other} hear how the run goes. */
  public FineTuning listener(TrainingListener other) {
    listener = other;
    return this;
  }

  /**
   * Says all labels in the order of their ids, those that no example has among them.
   *
   * @param names empty where the labels are those that the examples have
   */
  public FineTuning labelNames(List<String> names) {
    labelNames = List.copyOf(names);
    return this;
  }

  /**
   * Lets the run begin with the weights of a trained adapter.
   *
   * @param adapter of the settings that the run has
   */
  public FineTuning startingFrom(AdapterFolder adapter) {
    start = adapter;
    return this;
  }

  /**
   * Begins to read the base's weights on another thread, if there are any, for {@link
   * TextModel#save}, which writes down their hash.
   *
   * @throws LorikeetException when they are damaged
   */
  public FineTuning readAhead() {
    if (config.regime() != Regime.SCRATCH && Checkpoint.isIn(checkpoint)) {
      opened = Checkpoint.open(checkpoint).hashAhead();
    }
    return this;
  }

  /** Lets the run be saved, and go on from where it was saved. */
  public FineTuning checkpoints(Checkpoints folder) {
    checkpoints = folder;
    return this;
  }

  /**
   * Trains on {@code examples} and scores on {@code held} after each epoch. The labels are those
   * that {@link #labelNames} says, or else that the examples have.
   *
   * @param held may be empty
   * @throws LorikeetException when the checkpoint, the examples or a setting does not fit
   */
  public TextModel train(List<Example> examples, List<Example> held) {
    Prepared prepared = prepare(examples, held);
    try {
      prepared.trainer.checkpoints(
          checkpoints == null ? null : checkpoints.identifiedBy(() -> identity(prepared.model)));
      result = prepared.trainer.run();
      prepared.trainables.forEach(trainable -> trainable.parameter().freeze());
      return prepared.trained(config);
    } catch (RuntimeException e) {
      prepared.close();
      throw e;
    }
  }

  /**
   * What {@link #train} would do with the same examples: its steps, groups and rates.
   *
   * @throws LorikeetException as {@link #train}
   */
  public TrainingPlan plan(List<Example> examples, List<Example> held) {
    try (Prepared prepared = prepare(examples, held)) {
      return prepared.trainer.plan();
    }
  }

  /** A model and all that training it needs. */
  private record Prepared(
      Model model,
      @Nullable Adapter adapter,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      List<Trainable> trainables,
      Trainer trainer)
      implements AutoCloseable {
    TextModel trained(FineTuningConfig config) {
      return new TextModel(model, adapter, preprocessor, labels, TextSettings.of(config));
    }

    @Override
    public void close() {
      preprocessor.close();
      model.close();
    }
  }

  private Prepared prepare(List<Example> examples, List<Example> held) {
    Labels labels = labels(examples);
    // A folder that is no checkpoint, or another task's, must not be told of a tokenizer.
    ModelConfig.read(checkpoint).mustHaveHead(config.task().headType());
    Preprocessor preprocessor =
        Preprocessor.open(config.task(), checkpoint, null, config.padToken());
    Model model = null;
    try {
      model =
          opened == null
              ? Model.open(checkpoint, options(labels))
              : Model.open(opened, options(labels));
      preprocessor.mustFit(model, config.maxLength());
      Adapter adapter =
          config.regime() == Regime.ADAPTER ? attach(model, preprocessor, labels, examples) : null;
      List<Trainable> trainables = trainables(model, adapter);
      Trainer trainer =
          trainer(model, trainables, preprocessor, labels, examples, held)
              .part(adapter == null ? null : adapter.trainingPart());
      return new Prepared(model, adapter, preprocessor, labels, trainables, trainer);
    } catch (RuntimeException e) {
      preprocessor.close();
      if (model != null) {
        model.close();
      }
      throw e;
    }
  }

  /** What the last {@link #train} did and cost. */
  public TrainingResult result() {
    if (result == null) {
      throw new IllegalStateException("not trained yet");
    }
    return result;
  }

  /** What was cut off the examples that the last {@link #train} learned from. */
  public Truncated truncatedTraining() {
    return truncatedTraining;
  }

  /** What was cut off the examples that the last {@link #train} scored on. */
  public Truncated truncatedHeld() {
    return truncatedHeld;
  }

  /** The classes that there are, or that the examples have; null where the task has none. */
  @Nullable Labels labels(List<Example> examples) {
    if (!config.task().hasClasses(config.problemType())) {
      return null;
    }
    return start != null
        ? labelsOf(start, examples)
        : labelNames.isEmpty() ? Labels.discover(examples) : new Labels(labelNames);
  }

  /** The labels that the adapter to go on from tells apart; null where a run begins anew. */
  public @Nullable Labels knownLabels() {
    return start == null ? null : labelsOf(start);
  }

  private Labels labelsOf(AdapterFolder trained) {
    return new Labels(
        RunRecord.read(trained.folder())
            .labels(config.task().headType(), ModelConfig.read(checkpoint), trained));
  }

  /** The labels that a trained adapter tells apart, among which the examples' must be. */
  private Labels labelsOf(AdapterFolder trained, List<Example> examples) {
    Labels labels = labelsOf(trained);
    examples.stream().flatMap(example -> example.labels().stream()).distinct().forEach(labels::id);
    labelNames.forEach(labels::id);
    return labels;
  }

  /** How the model is to be opened. */
  ModelOptions options(@Nullable Labels labels) {
    boolean sequence = config.task().hasProblemTypes();
    List<String> names =
        labels == null ? (sequence ? List.of("LABEL_0") : List.of()) : labels.names();
    ModelOptions options =
        ModelOptions.DEFAULT
            .withHead(config.task().headType(), names)
            .withProblemType(sequence ? config.problemType() : null)
            .withPrecision(config.precision())
            .withDevice(config.device())
            .withSeed(config.training().seed())
            .withPadTokenId(Preprocessor.idOf(config.padToken(), checkpoint, null))
            .withDropouts(config.training().regularization().dropouts());
    return config.regime() == Regime.SCRATCH
        ? options.fromScratch(config.initialization())
        : options;
  }

  private Adapter attach(
      Model model, Preprocessor preprocessor, @Nullable Labels labels, List<Example> examples) {
    long seed = config.training().seed();
    Adapter adapter =
        start != null
            ? start.attachTo(model)
            : config.adapter() instanceof LoraConfig lora && lora.startsFromData()
                ? fromData(lora, model, preprocessor, labels, examples)
                : Adapter.attach(model, config.adapter(), seed);
    preprocessor.mustHavePositions(model, config.maxLength() + adapter.virtualTokens());
    return adapter;
  }

  /** An adapter that starts from as many batches as EVA takes at most, drawn by the seed. */
  private Adapter fromData(
      LoraConfig lora,
      Model model,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      List<Example> examples) {
    long seed = config.training().seed();
    List<Example> drawn = new ArrayList<>(examples);
    Collections.shuffle(drawn, new Random(seed));
    int most = Eva.MOST_BATCHES * config.training().batchSize();
    ExampleEncoder encoder = encoder(model, preprocessor, labels);
    List<EncodedExample> encoded = encoder.encode(drawn.subList(0, Math.min(drawn.size(), most)));
    try (Scope scope = Scope.open()) {
      List<Sample> batches =
          Samples.of(
              model,
              encoded,
              preprocessor.padTokenId(model),
              config.training(),
              lora.init().eva().useLabelMask());
      return Eva.attach(model, lora, seed, batches, listener::remarked);
    }
  }

  private List<Trainable> trainables(Model model, @Nullable Adapter adapter) {
    if (adapter != null) {
      return Trainable.of(adapter);
    }
    return switch (config.regime()) {
      case PROBE -> Trainable.headOf(model);
      case BITFIT -> Trainable.biasesOf(model);
      case ADAPTER, FULL, SCRATCH -> Trainable.allOf(model);
    };
  }

  private void tellDefaults(Preprocessor preprocessor) {
    if (preprocessor.isDefault()) {
      listener.remarked(
          (checkpoint + " has no " + ImageProcessor.FILE + ": pictures are prepared as for the")
              + " first ViT, 224 pixels wide and high, with values from -1 to 1");
    }
  }

  private ExampleEncoder encoder(Model model, Preprocessor preprocessor, @Nullable Labels labels) {
    return preprocessor.encoder(
        model, labels, config.problemType(), config.maxLength(), config.trainOn());
  }

  private void tellCut(ExampleEncoder encoder, List<Example> examples, String what) {
    if (encoder.truncated().texts() > 0) {
      listener.remarked(encoder.truncated().sentence(examples.size(), what, config.maxLength()));
    }
    if (encoder.silent() > 0) {
      listener.remarked(
          (encoder.silent() + " of " + examples.size() + " " + what + " have no token to learn in")
              + (" their first " + config.maxLength() + " and are left out"));
    }
  }

  private TrainingData packed(List<EncodedExample> encoded) {
    List<EncodedExample> rows = Packing.rows(encoded, config.maxLength());
    listener.remarked(
        encoded.size() + " documents are packed into " + rows.size() + " rows, the batches' rows");
    return TrainingData.of(rows);
  }

  private TrainingData data(List<EncodedExample> encoded, Preprocessor preprocessor) {
    boolean packing = config.training().throughput().packing();
    if (packing && !config.task().packs()) {
      throw new UsageException(
          "packing is for causal-lm, and the task is " + config.task().id() + ": leave it out");
    }
    Augmentation.Rates rates = config.training().regularization().augmentation();
    if (rates.equals(Augmentation.NONE)) {
      return packing ? packed(encoded) : TrainingData.of(encoded);
    }
    if (!config.task().hasLabels()) {
      throw new UsageException(
          "word_dropout, word_swap and token_masking are for classification, not for "
              + config.task().id()
              + ", whose labels are the words themselves: leave them out");
    }
    return TrainingData.augmented(
        encoded, Augmentation.of(rates, preprocessor.tokenizer()), config.training().seed());
  }

  /** What trains {@code trainables} on the examples. */
  Trainer trainer(
      Model model,
      List<Trainable> trainables,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      List<Example> examples,
      List<Example> held) {
    tellDefaults(preprocessor);
    ExampleEncoder encoder = encoder(model, preprocessor, labels);
    List<EncodedExample> encoded = encoder.encode(examples);
    truncatedTraining = encoder.truncated();
    tellCut(encoder, examples, "training texts");
    ExampleEncoder heldEncoder = encoder(model, preprocessor, labels);
    List<EncodedExample> encodedHeld = heldEncoder.encode(held);
    truncatedHeld = heldEncoder.truncated();
    tellCut(heldEncoder, held, "evaluation texts");
    TrainingData data = data(encoded, preprocessor);
    if (config.task().hidesTokens()) {
      MaskedLm masking = config.training().masking().of(preprocessor.tokenizer());
      data = TrainingData.masked(encoded, masking, config.training().seed());
      encodedHeld = TrainingData.masked(encodedHeld, masking, 0).epoch(0);
    }
    return new Trainer(
            model,
            Tasks.of(model),
            trainables,
            data,
            encodedHeld,
            preprocessor.padTokenId(model),
            config.training(),
            listener)
        .checkpoints(checkpoints == null ? null : checkpoints.identifiedBy(() -> identity(model)));
  }

  /** What a run that goes on must have in common with the one that was saved. */
  Map<String, String> identity(Model model) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("model", model.checkpoint() == null ? "none" : model.checkpoint().sha256());
    identity.put("task", config.task().id());
    identity.put("problem_type", config.problemType().id());
    identity.put("method", config.method());
    identity.put("initialization", config.initialization().id());
    identity.put("precision", config.precision().toString());
    identity.put("data.max_length", Integer.toString(config.maxLength()));
    identity.put("data.train_on", config.trainOn().toString());
    if (start != null) {
      identity.put("start", FileHash.sha256(start.folder().resolve(AdapterFolder.WEIGHTS)));
    }
    if (config.regime() == Regime.ADAPTER) {
      config
          .adapter()
          .json()
          .properties()
          .forEach(e -> identity.put("adapter." + e.getKey(), e.getValue().toString()));
    }
    return identity;
  }
}
