package dev.lorikeet.compare;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Encoder;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.MaskedLm;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingResult;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * From a checkpoint and labelled texts to a trained model.
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
  private @Nullable TrainingResult result;

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
   * Trains on {@code examples} and scores on {@code held} after each epoch. The labels are those
   * that the examples have.
   *
   * @param held may be empty
   * @throws LorikeetException when the checkpoint, the examples or a setting does not fit
   */
  public TextModel train(List<Example> examples, List<Example> held) {
    Labels labels = labels(examples);
    ModelConfig.read(checkpoint); // a folder that is no checkpoint must not be told of a tokenizer
    TextTokenizer tokenizer = TextTokenizer.open(checkpoint);
    Model model = null;
    try {
      model = Model.open(checkpoint, options(labels));
      tokenizer.mustFit(model.config().integer("vocab_size"));
      TextModel.mustHavePositions(model, config.maxLength());
      Adapter adapter = config.regime() == Regime.LORA ? attach(model) : null;
      run(model, adapter, tokenizer, labels, examples, held);
      return new TextModel(model, adapter, tokenizer, labels, config.maxLength(), config.trainOn());
    } catch (RuntimeException e) {
      tokenizer.close();
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

  private @Nullable Labels labels(List<Example> examples) {
    boolean regression =
        config.task() == Task.SEQUENCE_CLASSIFICATION
            && config.problemType() == ProblemType.REGRESSION;
    return regression || config.task().isLanguageModel() ? null : Labels.discover(examples);
  }

  private ModelOptions options(@Nullable Labels labels) {
    boolean sequence = config.task() == Task.SEQUENCE_CLASSIFICATION;
    List<String> names =
        labels == null ? (sequence ? List.of("LABEL_0") : List.of()) : labels.names();
    ModelOptions options =
        ModelOptions.DEFAULT
            .withTask(config.task(), names)
            .withProblemType(sequence ? config.problemType() : null)
            .withPrecision(config.precision())
            .withDevice(config.device())
            .withSeed(config.training().seed());
    return config.regime() == Regime.SCRATCH
        ? options.fromScratch(config.initialization())
        : options;
  }

  private Adapter attach(Model model) {
    return Adapter.attach(model, config.lora(), config.training().seed());
  }

  private List<Trainable> trainables(Model model, @Nullable Adapter adapter) {
    if (adapter != null) {
      return Trainable.of(adapter);
    }
    return config.regime() == Regime.PROBE ? Trainable.headOf(model) : Trainable.allOf(model);
  }

  private void tellSilent(Encoder encoder, List<Example> examples) {
    if (encoder.silent() > 0) {
      listener.remarked(
          (encoder.silent() + " of " + examples.size() + " examples have no token to learn in")
              + (" their first " + config.maxLength() + " and are left out"));
    }
  }

  private void run(
      Model model,
      @Nullable Adapter adapter,
      TextTokenizer tokenizer,
      @Nullable Labels labels,
      List<Example> examples,
      List<Example> held) {
    Encoder encoder =
        new Encoder(
            tokenizer,
            labels,
            config.task(),
            config.problemType(),
            config.maxLength(),
            config.trainOn());
    List<EncodedExample> encoded = encoder.encode(examples);
    tellSilent(encoder, examples);
    List<EncodedExample> encodedHeld = encoder.encode(held);
    TrainingData data = TrainingData.of(encoded);
    if (config.task() == Task.MASKED_LM) {
      MaskedLm masking = MaskedLm.of(tokenizer);
      data = TrainingData.masked(encoded, masking, config.training().seed());
      encodedHeld = TrainingData.masked(encodedHeld, masking, 0).epoch(0);
    }
    List<Trainable> trainables = trainables(model, adapter);
    result =
        new Trainer(
                model,
                trainables,
                data,
                encodedHeld,
                TextModel.padTokenId(model, tokenizer),
                config.training(),
                listener)
            .run();
    trainables.forEach(trainable -> trainable.parameter().freeze());
  }
}
