package dev.lorikeet.training;

import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The training loop: batches, gradients, clip, step. What else happens around its steps are {@link
 * Hook}s. It knows trainable parameters, not where they come from.
 *
 * <p>Threads: a run has the model to itself, from its first step to its last ({@link
 * Model#exclusive}); passes of other threads through the same model wait for its end. Runs of
 * different models may go on side by side: each draws random numbers of its own and ends with the
 * bytes that it ends with alone, on as many threads an operation ({@link Torch#threads}).
 */
public final class Trainer {
  // What a run, its hooks and joint training read.
  final Model model;
  final List<Trainable> trainables;
  final TrainingData data;
  final List<EncodedExample> evaluationData;
  final TrainingConfig config;
  final TrainingListener listener;
  final int padTokenId;
  final Objective objective;
  final GradientPass pass;
  final Evaluator evaluator;
  final Epochs epochs;
  final Freezing freezing;
  final List<Hook> hooks = new ArrayList<>();
  @Nullable Checkpoints checkpoints;
  @Nullable TrainingPart part;
  private final Layers layers;

  /**
   * A run over {@code data}.
   *
   * @param task what the model learns, and what is scored of it
   * @param evaluationData scored as the settings say; empty for none
   * @throws LorikeetException when there are no examples or no trainable parameters
   * @throws dev.lorikeet.torch.UsageException when what is to be frozen is not there, or what is to
   *     be kept of all epochs changes
   */
  public Trainer(
      Model model,
      TrainingTask task,
      List<Trainable> trainables,
      TrainingData data,
      List<EncodedExample> evaluationData,
      int padTokenId,
      TrainingConfig config,
      TrainingListener listener) {
    List<EncodedExample> first = data.epoch(1);
    if (first.isEmpty()) {
      throw new LorikeetException("there are no training examples");
    }
    if (trainables.isEmpty()) {
      throw new LorikeetException("there are no trainable parameters: attach an adapter first");
    }
    FeatureKeeping.check(config, data);
    this.model = model;
    epochs = new Epochs(data, EncodedExample.lengths(first), config);
    layers = Layers.of(model);
    freezing = new Freezing(trainables, layers, config.freeze(), epochs.stepsPerEpoch());
    this.trainables = freezing.trained();
    this.data = data;
    this.evaluationData = evaluationData;
    this.config = config;
    this.listener = listener;
    this.padTokenId = padTokenId;
    objective = task.objective(config.regularization(), first);
    int maxTokens = config.maxTokensPerPass(model.mode().device());
    pass =
        new GradientPass(
            model,
            objective,
            padTokenId,
            new PartLimit(maxTokens, listener::remarked),
            config.throughput().gradientCheckpointing());
    evaluator =
        new Evaluator(
            model,
            task,
            new Predictor(
                model,
                (input, indices) -> model.logits(input),
                config.batchSize(),
                padTokenId,
                maxTokens));
  }

  /** Lets the run be saved and go on. */
  public Trainer checkpoints(@Nullable Checkpoints folder) {
    checkpoints = folder;
    return this;
  }

  /**
   * Lets an adapter method take its part in the run.
   *
   * @throws dev.lorikeet.torch.UsageException when its settings do not fit the run
   */
  public Trainer part(@Nullable TrainingPart method) {
    part = method;
    if (method != null) {
      method.fit(totalSteps());
    }
    return this;
  }

  /**
   * Adds a hook, to be called after those of the settings and before the run is saved. It is of one
   * run, which closes it.
   */
  public Trainer hook(Hook hook) {
    hooks.add(hook);
    return this;
  }

  /**
   * Trains, and leaves the model with the parameters of the best evaluation, or of the last step.
   *
   * @throws RunInterrupted when the run was asked to stop, after it has been saved
   * @throws dev.lorikeet.torch.UsageException when a parameter group matches nothing
   * @throws LorikeetException when the loss is not finite, or a parameter got no gradient or did
   *     not move
   */
  public TrainingResult run() {
    PeakMemory.reset();
    try (Model.Lease alone = model.exclusive();
        Scope scope = Scope.open();
        TrainingRun run = begin(true)) {
      run.start();
      while (!run.isOver()) {
        StepBatch batch = run.nextBatch();
        run.settle(step(run, batch));
      }
      return run.end();
    } finally {
      model.training(false);
    }
  }

  /** Gradients of a batch, and the step by them; they live no longer. */
  private FinishedStep step(TrainingRun run, StepBatch batch) {
    model.training(true);
    Torch.seed(run.stepSeed());
    try (Scope scope = Scope.open()) {
      pass.run(batch);
      return run.update(batch);
    }
  }

  /**
   * A run that has not started.
   *
   * @param alone whether it has the model to itself; else somebody makes the gradients of several
   */
  TrainingRun begin(boolean alone) {
    List<ParameterGroup> groups = groups();
    Optimizer optimizer = config.optimizer().make(groups);
    try {
      return new TrainingRun(this, groups, optimizer, alone);
    } catch (RuntimeException e) {
      optimizer.close();
      throw e;
    }
  }

  /** Whether its rows are packed documents, all of which become one row of a batch. */
  boolean isPacked() {
    return data.epoch(1).get(0).documents().length > 0;
  }

  private List<ParameterGroup> groups() {
    return ParameterGroup.of(
        trainables,
        config.lr(),
        config.weightDecay(),
        config.groups(),
        new RateFactors(config.rates(), trainables, layers));
  }

  long totalSteps() {
    return config.maxSteps() > 0 ? config.maxSteps() : epochs.stepsPerEpoch() * config.epochs();
  }

  /**
   * What {@link #run} would do.
   *
   * @throws dev.lorikeet.torch.UsageException as {@link #run}
   */
  public TrainingPlan plan() {
    List<ParameterGroup> groups = groups();
    LearningRates rates = new LearningRates(groups, config.schedule(), totalSteps(), new Plateau());
    return TrainingPlan.of(groups, rates, freezing, epochs.stepsPerEpoch(), totalSteps());
  }

  /** Whether the parameters after so many steps may be what a run ends with. */
  boolean mayBeKept(long steps) {
    return part == null || part.mayBeKept(steps);
  }

  /** Whether a parameter may end with the values that it started with. */
  boolean mayRest(Trainable trainable) {
    return part != null && part.mayRest(trainable.parameter());
  }

  /** What must be the same for a run to go on. */
  Map<String, String> identity() {
    return RunIdentity.of(config, trainables, data.epoch(1), evaluationData);
  }
}
