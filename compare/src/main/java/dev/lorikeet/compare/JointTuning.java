package dev.lorikeet.compare;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Labels;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Checkpoints;
import dev.lorikeet.training.JointTrainer;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingResult;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Several fine-tunings of one checkpoint in one pass over its weights, with different adapters,
 * rates, seeds or data ({@link JointTrainer}). Without dropout each ends as {@link FineTuning}
 * alone would.
 */
public final class JointTuning {
  private final Path checkpoint;
  private final Map<String, Member> members;
  private @Nullable Checkpoints checkpoints;

  /**
   * One of the fine-tunings.
   *
   * @param held may be empty
   * @param labelNames as {@link FineTuning#labelNames} takes them, may be empty
   * @param listener hears how it goes
   */
  public record Member(
      FineTuningConfig config,
      List<Example> examples,
      List<Example> held,
      List<String> labelNames,
      TrainingListener listener) {

    /** One whose labels are those that its examples have. */
    public Member(
        FineTuningConfig config,
        List<Example> examples,
        List<Example> held,
        TrainingListener listener) {
      this(config, examples, held, List.of(), listener);
    }
  }

  /**
   * Fine-tunings by name; the names are the adapters'.
   *
   * @throws UsageException when there are none, one trains no adapter, or they do not share the
   *     model: task, precision, device and dropout must be the same
   */
  public JointTuning(Path checkpoint, Map<String, Member> members) {
    if (members.isEmpty()) {
      throw new UsageException("there is nothing to train: give at least one fine-tuning");
    }
    this.checkpoint = checkpoint;
    this.members = Collections.unmodifiableMap(new LinkedHashMap<>(members));
    String first = members.keySet().iterator().next();
    members.forEach(
        (name, member) -> {
          if (member.config.regime() != Regime.ADAPTER) {
            throw new UsageException(
                (name + " is of method " + member.config.method())
                    + ", which changes the base: only adapters are trained together");
          }
          if (member.config.adapter().startsFromData()) {
            throw new UsageException(
                name
                    + ": "
                    + member.config.adapter().peftType()
                    + " is to start from data (init_lora_weights: eva), which adapters that are"
                    + " trained together do not: train it alone");
          }
          shared(member.config)
              .forEach(
                  (key, value) -> mustAgree(key, first, shared(first()).get(key), name, value));
        });
  }

  /** Lets all of them be saved, in one folder, and go on from where they were saved. */
  public JointTuning checkpoints(Checkpoints folder) {
    checkpoints = folder;
    return this;
  }

  private FineTuningConfig first() {
    return members.values().iterator().next().config;
  }

  /** What concerns the model and not the adapter. */
  private static Map<String, String> shared(FineTuningConfig config) {
    Map<String, String> shared = new LinkedHashMap<>();
    shared.put("task", config.task().id());
    shared.put("problem_type", config.problemType().id());
    shared.put("precision", config.precision().toString());
    shared.put("device", config.device().name());
    Dropouts dropouts = config.training().regularization().dropouts();
    shared.put("dropout", text(dropouts.hidden()));
    shared.put("attention_dropout", text(dropouts.attention()));
    shared.put("classifier_dropout", text(dropouts.classifier()));
    return shared;
  }

  private static String text(@Nullable Double dropout) {
    return dropout == null ? "config.json's" : dropout.toString();
  }

  private static void mustAgree(
      String key, String first, @Nullable Object wanted, String name, Object found) {
    if (!found.equals(wanted)) {
      throw new UsageException(
          (key + " of " + first + " is " + wanted + ", of " + name + " " + found)
              + ": they train on one model; make it the same, or train them apart");
    }
  }

  /** The trained adapters, all beside one model. Closing it frees them. */
  public static final class Tuned implements AutoCloseable {
    private final Adapters adapters;
    private final Map<String, TextModel> models;
    private final Map<String, TrainingResult> results;

    private Tuned(
        Adapters adapters, Map<String, TextModel> models, Map<String, TrainingResult> results) {
      this.adapters = adapters;
      this.models = models;
      this.results = results;
    }

    /**
     * The model with one of the adapters, for as long as no other is asked for.
     *
     * @throws UsageException when there is none of the name
     */
    public TextModel model(String name) {
      adapters.activate(name);
      return Objects.requireNonNull(models.get(name));
    }

    /** What each training did and cost, by name. */
    public Map<String, TrainingResult> results() {
      return results;
    }

    @Override
    public void close() {
      models.values().iterator().next().close();
    }
  }

  /**
   * Trains all of them.
   *
   * @throws dev.lorikeet.training.RunInterrupted when they were asked to stop, after they were
   *     saved
   * @throws UsageException when their labels differ
   * @throws LorikeetException as {@link FineTuning#train}
   */
  public Tuned train() {
    Map<String, FineTuning> tunings = new LinkedHashMap<>();
    members.forEach(
        (name, member) ->
            tunings.put(
                name,
                new FineTuning(checkpoint, member.config)
                    .labelNames(member.labelNames)
                    .listener(member.listener)));
    Labels labels = labels(tunings);
    FineTuning first = tunings.values().iterator().next();
    ModelConfig.read(checkpoint).mustHaveHead(first().task().headType());
    Preprocessor preprocessor =
        Preprocessor.open(first().task(), checkpoint, null, first().padToken());
    Model model = null;
    try {
      model = Model.open(checkpoint, first.options(labels));
      return train(model, preprocessor, labels, tunings);
    } catch (RuntimeException e) {
      preprocessor.close();
      if (model != null) {
        model.close();
      }
      throw e;
    }
  }

  private @Nullable Labels labels(Map<String, FineTuning> tunings) {
    Map<String, List<String>> names = new LinkedHashMap<>();
    Labels labels = null;
    for (Map.Entry<String, Member> member : members.entrySet()) {
      FineTuning tuning = Objects.requireNonNull(tunings.get(member.getKey()));
      Labels own = tuning.labels(member.getValue().examples);
      names.put(member.getKey(), own == null ? List.of() : own.names());
      labels = labels == null ? own : labels;
    }
    String first = names.keySet().iterator().next();
    names.forEach((name, own) -> mustAgree("labels", first, names.get(first), name, own));
    return labels;
  }

  private Tuned train(
      Model model,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      Map<String, FineTuning> tunings) {
    Adapters adapters = new Adapters(model);
    Map<String, Trainer> trainers = new LinkedHashMap<>();
    Map<String, TextModel> models = new LinkedHashMap<>();
    members.forEach(
        (name, member) -> {
          FineTuningConfig config = member.config;
          FineTuning tuning = Objects.requireNonNull(tunings.get(name));
          preprocessor.mustFit(model, config.maxLength());
          drawNew(model, tuning.options(labels));
          Adapter adapter = adapters.add(name, config.adapter(), config.training().seed());
          preprocessor.mustHavePositions(model, config.maxLength() + adapter.virtualTokens());
          trainers.put(
              name,
              tuning
                  .trainer(
                      model,
                      Trainable.of(adapter),
                      preprocessor,
                      labels,
                      member.examples,
                      member.held)
                  .part(adapter.trainingPart()));
          models.put(
              name, new TextModel(model, adapter, preprocessor, labels, TextSettings.of(config)));
        });
    Map<String, TrainingResult> results =
        new JointTrainer(adapters, trainers).checkpoints(identified(model, tunings)).run();
    adapters.names().forEach(name -> adapters.get(name).freeze());
    return new Tuned(adapters, models, results);
  }

  private @Nullable Checkpoints identified(Model model, Map<String, FineTuning> tunings) {
    return checkpoints == null
        ? null
        : checkpoints.identifiedBy(
            () -> {
              Map<String, String> identity = new LinkedHashMap<>();
              identity.put("recipes", String.join(", ", tunings.keySet()));
              tunings.forEach(
                  (name, tuning) ->
                      tuning
                          .identity(model)
                          .forEach((key, value) -> identity.put(name + "/" + key, value)));
              return identity;
            });
  }

  /**
   * Draws what the checkpoint lacks from a member's own seed, as opening the model for it alone
   * would: its adapter starts from a copy.
   */
  private void drawNew(Model model, ModelOptions options) {
    if (model.newModules().isEmpty()) {
      return;
    }
    ModelOptions scratch = options.fromScratch(Initialization.PAPER);
    try (Scope scope = Scope.open();
        Blueprint blueprint = Blueprint.of(ModelConfig.read(checkpoint), scratch)) {
      for (Parameter parameter : model.parameters().values()) {
        String name = parameter.name();
        if (model.newModules().stream().anyMatch(module -> name.startsWith(module + "."))) {
          parameter
              .original()
              .setInPlace(Objects.requireNonNull(blueprint.tensors().get(name), name).draw());
        }
      }
    }
  }
}
