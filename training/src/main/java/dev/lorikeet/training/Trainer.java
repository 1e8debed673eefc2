package dev.lorikeet.training;

import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.Updates;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The training loop: gradients, clip, step, report, evaluate, save. It knows trainable parameters,
 * not where they come from.
 *
 * <p>Threads: a run has the model to itself, from its first step to its last ({@link
 * Model#exclusive}); passes of other threads through the same model wait for its end. Runs of
 * different models may go on side by side: each draws random numbers of its own and ends with the
 * bytes that it ends with alone, on as many threads an operation ({@link Torch#threads}).
 */
public final class Trainer {
  private final Model model;
  private final List<Trainable> trainables;
  private final TrainingData data;
  private final List<EncodedExample> evaluationData;
  private final TrainingConfig config;
  private final TrainingListener listener;
  private final int padTokenId;
  private final Objective objective;
  private final LossScale lossScale;
  private final GradientPass pass;
  private final Evaluator evaluator;
  private final FeatureKeeping keeping;
  private final int[] lengths;
  private @Nullable Checkpoints checkpoints;
  private @Nullable TrainingPart part;
  private final Layers layers;
  private final Freezing freezing;
  private final long stepsPerEpoch;

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
    keeping = new FeatureKeeping(config, data, evaluationData, listener);
    this.model = model;
    lengths = EncodedExample.lengths(first);
    stepsPerEpoch =
        ceilDiv(ceilDiv(lengths.length, config.batchSize()), config.gradientAccumulation());
    layers = Layers.of(model);
    freezing = new Freezing(trainables, layers, config.freeze(), stepsPerEpoch);
    this.trainables = freezing.trained();
    this.data = data;
    this.evaluationData = evaluationData;
    this.config = config;
    this.listener = listener;
    this.padTokenId = padTokenId;
    objective = task.objective(config.regularization(), first);
    lossScale = LossScale.of(model.mode().dtype());
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
        Run run = begin();
        Neftune noise = Neftune.on(model, config.regularization().neftuneNoiseAlpha());
        Mixout mixout = Mixout.on(model, trainables, config.regularization().mixout())) {
      Saving saving = new Saving(checkpoints, config.checkpoint(), run.saved());
      saving.resume();
      run.start();
      run.keepFeatures();
      run.evaluateFirst();
      while (!run.isOver()) {
        run.step();
        boolean due = run.settle();
        saving.afterStep(due, run.isOver(), totalSteps());
      }
      return run.end();
    } finally {
      model.training(false);
    }
  }

  /** A run that has not started, for whoever makes the gradients of its steps. */
  Run begin() {
    List<ParameterGroup> groups = groups();
    Optimizer optimizer = config.optimizer().make(groups);
    try {
      if (part != null) {
        part.start();
      }
      return new Run(groups, optimizer);
    } catch (RuntimeException e) {
      optimizer.close();
      throw e;
    }
  }

  Model model() {
    return model;
  }

  Objective objective() {
    return objective;
  }

  List<Trainable> trainables() {
    return trainables;
  }

  TrainingConfig config() {
    return config;
  }

  TrainingListener listener() {
    return listener;
  }

  int padTokenId() {
    return padTokenId;
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
    return config.maxSteps() > 0 ? config.maxSteps() : stepsPerEpoch * config.epochs();
  }

  /**
   * What {@link #run} would do.
   *
   * @throws dev.lorikeet.torch.UsageException as {@link #run}
   */
  public TrainingPlan plan() {
    List<ParameterGroup> groups = groups();
    LearningRates rates = new LearningRates(groups, config.schedule(), totalSteps(), new Plateau());
    return TrainingPlan.of(groups, rates, freezing, stepsPerEpoch, totalSteps());
  }

  /** A run under way; its tensors belong to the scope that is open when it is made. */
  final class Run implements AutoCloseable {
    private final List<ParameterGroup> groups;
    private final Optimizer optimizer;
    private final long totalSteps;
    private final LearningRates rates;
    private final RunState state = new RunState();
    private final StepGuard guard =
        new StepGuard(model, trainables, config.nonFinite(), lossScale, state, listener);
    private final BestParameters best =
        new BestParameters(
            trainables,
            config.evaluation().keepBest(),
            state,
            steps -> part == null || part.mayBeKept(steps));
    private final WeightAverage average =
        WeightAverage.of(trainables, config.regularization().averaging(), config.epochs(), state);
    private final RunEvaluation evaluation =
        new RunEvaluation(
            evaluator, evaluationData, config.evaluation(), average, best, state, listener);
    private final MovementCheck movement;
    private final StepLog log;
    private Epoch epoch = new Epoch(0, List.of(), List.of());

    Run(List<ParameterGroup> groups, Optimizer optimizer) {
      this.groups = groups;
      this.optimizer = optimizer;
      totalSteps = totalSteps();
      movement = MovementCheck.before(groups, config.optimizer());
      state.batchesPerEpoch = ceilDiv(lengths.length, config.batchSize());
      log = new StepLog(config.logging(), groups, totalSteps, state, listener);
      rates = new LearningRates(groups, config.schedule(), totalSteps, state.plateau);
    }

    /** What of it a checkpoint holds. */
    SavedRun saved() {
      return new SavedRun(
          state,
          trainables,
          average,
          part == null ? Map.of() : part.state(),
          optimizer,
          best,
          () -> RunIdentity.of(config, trainables, data.epoch(1), evaluationData));
    }

    /** Tells of its start, after what was saved of it has been read, if it goes on from that. */
    void start() {
      if (!Double.isNaN(state.lossScale)) {
        lossScale.restore(state.lossScale, state.goodSteps);
      }
      if (state.step > 0) {
        listener.resumed(state.step);
      }
      listener.started(groups, totalSteps);
    }

    /** Evaluates before the first step, if that is asked for. */
    void evaluateFirst() {
      evaluation.start();
    }

    /** Leaves the parameters as they are to stay. */
    TrainingResult end() {
      log.finish();
      movement.after(moves());
      average.exchange();
      best.restore();
      return result();
    }

    /** How many steps moved a parameter; none where it may rest. */
    private ToLongFunction<Trainable> moves() {
      ToLongFunction<Trainable> steps = rates.effectiveSteps(state.step, freezing);
      return t -> part != null && part.mayRest(t.parameter()) ? 0 : steps.applyAsLong(t);
    }

    /** Has what is the same in every epoch computed once. */
    private void keepFeatures() {
      freezing.at(Long.MAX_VALUE); // all that trains at some time
      state.startClock();
      keeping.keep(pass.features(), evaluator.features());
      state.stopClock();
    }

    private void step() {
      StepBatch step = batch();
      model.training(true);
      Torch.seed(stepSeed());
      try (Scope scope = Scope.open()) {
        pass.run(step);
        take(step);
      }
    }

    RunState state() {
      return state;
    }

    /** What the run puts into its next step. */
    StepBatch batch() {
      if (epoch.number() != state.epoch) {
        epoch = epoch(state.epoch);
      }
      List<int[]> batches = epoch.batches(state.batchesDone, config.gradientAccumulation());
      state.startClock();
      freezing.at(state.step);
      return new StepBatch(trainables, objective, lossScale, state, epoch.examples(), batches);
    }

    /** Steps by its gradients. */
    void take(StepBatch step) {
      List<Double> now = rates.at(state.step);
      double norm = Double.NaN;
      try {
        Map<Parameter, Tensor> gradients = step.gradients();
        lossScale.unscale(gradients);
        addPenalty(gradients);
        movement.saw(gradients);
        norm = guard.check(gradients, clipped(List.copyOf(gradients.values())));
        optimizer.step(gradients, now);
        if (part != null) {
          part.afterStep(state.step, gradients);
        }
        average.afterStep();
      } catch (NonFinite e) {
        guard.skip(e, state.step + 1);
      }
      state.lossScale = lossScale.scale();
      state.goodSteps = lossScale.goodSteps();
      state.batchesDone += step.batches.size();
      state.step++;
      state.stopClock();
      log.afterStep(now, norm);
    }

    /** Adds the gradients of the method's own term, which is not part of the reported loss. */
    private void addPenalty(Map<Parameter, Tensor> gradients) {
      if (part == null) {
        return;
      }
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled()) {
        List<Tensor> trained = gradients.keySet().stream().map(Parameter::original).toList();
        List<Tensor> added = Ops.grad(part.penalty(), trained);
        int i = 0;
        for (Tensor gradient : gradients.values()) {
          Tensor term = added.get(i++);
          if (term.count() > 0) {
            gradient.addInPlace(term, 1);
          }
        }
      }
    }

    /** Clips gradients where that is asked for, and gives their norm before. */
    private Tensor clipped(List<Tensor> gradients) {
      return config.maxGradNorm() > 0
          ? Updates.clipInPlace(gradients, config.maxGradNorm())
          : Updates.totalNorm(gradients);
    }

    /** What a step draws depends on no step before it: a run that goes on draws the same. */
    long stepSeed() {
      return new SplittableRandom(config.seed() * 0x9E3779B97F4A7C15L + state.step).nextLong();
    }

    private void report() {
      double seconds = state.seconds();
      listener.progressed(
          new TrainingListener.Progress(
              state.step,
              totalSteps,
              state.epoch,
              state.recentLoss(),
              state.tokens / seconds,
              seconds / state.step * (totalSteps - state.step)));
    }

    boolean isOver() {
      return state.step >= totalSteps || state.stopped || rates.areSpent();
    }

    /**
     * What follows a step: a report, an evaluation, the end of the epoch, as it is time.
     *
     * @return whether it is time for a checkpoint
     */
    boolean settle() {
      report();
      boolean last = state.step == totalSteps;
      boolean epochEnds = last || state.batchesDone == epoch.batches().size();
      if (epochEnds) {
        average.afterEpoch(state.epoch);
      }
      Evaluation scores = evaluation.afterStep(totalSteps, epochEnds);
      if (epochEnds || state.stopped) {
        endEpoch(scores);
      }
      return config.checkpoint().isDue(state.step, totalSteps, epochEnds, isOver());
    }

    private void endEpoch(@Nullable Evaluation scores) {
      EpochReport report = new EpochReport(state.epoch, state.meanLoss(), scores, state.seconds());
      state.plateau.offer(scores, state.meanLoss(), config.schedule());
      state.endEpoch(report);
      listener.epochEnded(report);
    }

    @Override
    public void close() {
      optimizer.close();
    }

    private TrainingResult result() {
      long trained = trainables.stream().mapToLong(t -> t.parameter().count()).sum();
      long added =
          trainables.stream()
              .filter(trainable -> !trainable.inPlace())
              .map(Trainable::parameter)
              .filter(parameter -> model.parameters().get(parameter.name()) != parameter)
              .mapToLong(Parameter::count)
              .sum();
      return new TrainingResult(
          List.copyOf(state.epochs),
          List.copyOf(state.evaluations),
          best.epoch(),
          best.step(),
          state.step,
          state.tokens,
          1 - (double) state.tokens / state.positions,
          state.seconds(),
          PeakMemory.mib(),
          trained,
          Model.count(model.parameters().values()) + added);
    }
  }

  /** An epoch's examples and batches. */
  private record Epoch(int number, List<EncodedExample> examples, List<int[]> batches) {
    /** The batches of the step after {@code done} batches. */
    List<int[]> batches(int done, int most) {
      return batches.subList(done, Math.min(batches.size(), done + most));
    }
  }

  private Epoch epoch(int number) {
    List<int[]> batches =
        LengthGroupedBatches.epoch(lengths, config.batchSize(), config.seed(), number);
    return new Epoch(number, data.epoch(number), batches);
  }

  private static long ceilDiv(long dividend, long divisor) {
    return (dividend + divisor - 1) / divisor;
  }
}
