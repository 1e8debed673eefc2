package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.ToLongFunction;

/**
 * A run under way: how far it is, what it steps by, and its {@link Hook}s. Whoever makes its
 * gradients calls {@link #start} once; {@link #nextBatch}, {@link #update} and {@link #settle} for
 * each step until it is over; then {@link #end}. Its tensors belong to the scope that is open when
 * it is made.
 */
final class TrainingRun implements AutoCloseable {
  private final Trainer trainer;
  private final TrainingConfig config;
  private final List<ParameterGroup> groups;
  private final Optimizer optimizer;
  private final LearningRates rates;
  private final LossScale lossScale;
  private final RunState state = new RunState();
  private final BestParameters best;
  private final HookChain hooks;

  /**
   * A run that has not started.
   *
   * @param optimizer of the groups; closed with the run
   * @param alone whether it has the model to itself
   */
  TrainingRun(Trainer trainer, List<ParameterGroup> groups, Optimizer optimizer, boolean alone) {
    this.trainer = trainer;
    this.groups = groups;
    this.optimizer = optimizer;
    config = trainer.config;
    rates = new LearningRates(groups, config.schedule(), trainer.totalSteps(), state.plateau);
    lossScale = LossScale.of(trainer.model.mode().dtype());
    best =
        new BestParameters(
            trainer.trainables, config.evaluation().keepBest(), state, trainer::mayBeKept);
    state.batchesPerEpoch = trainer.epochs.batchesPerEpoch();
    hooks = RunHooks.of(trainer, this, alone);
  }

  /** Goes on from what was saved, if it is to, and does what is due before the first step. */
  void start() {
    hooks.resume();
    hooks.start();
  }

  boolean isOver() {
    return state.step >= totalSteps() || state.stopped || rates.areSpent();
  }

  /** What it puts into its next step; from here on its clock runs. */
  StepBatch nextBatch() {
    Epochs.Epoch epoch = epoch();
    List<int[]> batches = epoch.batches(state.batchesDone, config.gradientAccumulation());
    state.startClock();
    hooks.beforeStep(state.step);
    return new StepBatch(
        trainer.trainables, trainer.objective, lossScale, state, epoch.examples(), batches);
  }

  /** What a step draws depends on no step before it: a run that goes on draws the same. */
  long stepSeed() {
    return new SplittableRandom(config.seed() * 0x9E3779B97F4A7C15L + state.step).nextLong();
  }

  /** Clips the gradients of a batch and steps by them; or leaves the step out. */
  FinishedStep update(StepBatch batch) {
    List<Double> now = rates.at(state.step);
    double norm;
    try {
      Map<Parameter, Tensor> gradients = batch.gradients();
      hooks.beforeClipping(gradients);
      norm = clip(List.copyOf(gradients.values()));
      hooks.beforeUpdate(gradients, norm);
      optimizer.step(gradients, now);
      hooks.afterUpdate(gradients);
    } catch (NonFinite e) {
      norm = Double.NaN;
      hooks.skipped(e);
    }
    state.batchesDone += batch.batches.size();
    state.step++;
    state.stopClock();
    boolean endsEpoch = state.step == totalSteps() || state.batchesDone == epoch().batches().size();
    return new FinishedStep(state.step, totalSteps(), state.epoch, now, norm, endsEpoch);
  }

  /** Clips gradients where that is asked for, and gives their norm before. */
  private double clip(List<Tensor> gradients) {
    Tensor norm =
        config.maxGradNorm() > 0
            ? Updates.clipInPlace(gradients, config.maxGradNorm())
            : Updates.totalNorm(gradients);
    return norm.item();
  }

  /** Does what follows a step, and what follows an epoch where it ends one. */
  void settle(FinishedStep step) {
    hooks.afterStep(step);
    if (step.endsEpoch() || state.stopped) {
      EpochReport report =
          new EpochReport(
              state.epoch, state.meanLoss(), state.presentEvaluation(), state.seconds());
      state.endEpoch(report);
      hooks.afterEpoch(report);
    }
    hooks.settled(step);
  }

  /** Leaves the parameters as they are to stay. */
  TrainingResult end() {
    hooks.end();
    long trained = trainer.trainables.stream().mapToLong(t -> t.parameter().count()).sum();
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
        Model.count(trainer.model.parameters().values()) + added());
  }

  /** How many elements training adds to the model's own. */
  private long added() {
    Map<String, Parameter> own = trainer.model.parameters();
    return trainer.trainables.stream()
        .filter(trainable -> !trainable.inPlace())
        .map(Trainable::parameter)
        .filter(parameter -> own.get(parameter.name()) != parameter)
        .mapToLong(Parameter::count)
        .sum();
  }

  @Override
  public void close() {
    hooks.close();
    optimizer.close();
  }

  // ---- what its hooks read ----

  /** What of it a checkpoint holds. */
  SavedRun saved() {
    return new SavedRun(state, trainer.trainables, hooks, optimizer, best, trainer::identity);
  }

  RunState state() {
    return state;
  }

  List<ParameterGroup> groups() {
    return groups;
  }

  LossScale lossScale() {
    return lossScale;
  }

  BestParameters best() {
    return best;
  }

  long totalSteps() {
    return trainer.totalSteps();
  }

  /** How many steps so far moved a parameter; none where it may rest. */
  ToLongFunction<Trainable> effectiveSteps() {
    ToLongFunction<Trainable> steps = rates.effectiveSteps(state.step, trainer.freezing);
    return t -> trainer.mayRest(t) ? 0 : steps.applyAsLong(t);
  }

  private Epochs.Epoch epoch() {
    return trainer.epochs.at(state.epoch);
  }
}
