package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The training loop: gradients, clip, step, report, evaluate. It knows trainable parameters, not
 * where they come from.
 */
public final class Trainer {
  private final Model model;
  private final List<Trainable> trainables;
  private final TrainingData data;
  private final List<EncodedExample> evaluationData;
  private final TrainingConfig config;
  private final TrainingListener listener;
  private final GradientPass pass;
  private final Evaluator evaluator;
  private final int[] lengths;

  /**
   * A run over {@code data}.
   *
   * @param evaluationData scored after each epoch; empty for none
   * @throws LorikeetException when there are no examples or no trainable parameters
   */
  public Trainer(
      Model model,
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
    this.model = model;
    this.trainables = List.copyOf(trainables);
    this.data = data;
    this.evaluationData = evaluationData;
    this.config = config;
    this.listener = listener;
    int maxTokens = config.maxTokensPerPass(model.mode().device());
    pass = new GradientPass(model, this.trainables, new Loss(model), padTokenId, maxTokens);
    evaluator = new Evaluator(model, config.batchSize(), padTokenId);
    lengths = EncodedExample.lengths(first);
  }

  /**
   * Trains, and leaves the model with the parameters of the best epoch, or of the last.
   *
   * @throws dev.lorikeet.torch.UsageException when a parameter group matches nothing
   * @throws LorikeetException when the loss is not finite, or a parameter got no gradient or did
   *     not move
   */
  public TrainingResult run() {
    List<ParameterGroup> groups =
        ParameterGroup.of(trainables, config.lr(), config.weightDecay(), config.groups());
    PeakMemory.reset();
    Torch.seed(config.seed());
    try (Scope run = Scope.open();
        Optimizer optimizer = config.optimizer().make(groups)) {
      return new Run(groups, optimizer).run();
    } finally {
      model.training(false);
    }
  }

  /** A run under way. */
  private final class Run {
    private final List<ParameterGroup> groups;
    private final Optimizer optimizer;
    private final long batchesPerEpoch = ceilDiv(lengths.length, config.batchSize());
    private final long totalSteps;
    private final LearningRates rates;
    private final RunState state = new RunState();
    private final BestParameters best =
        new BestParameters(trainables, config.evaluation().keepBest());
    private final List<EpochReport> reports = new ArrayList<>();
    private final StepLog log;

    Run(List<ParameterGroup> groups, Optimizer optimizer) {
      this.groups = groups;
      this.optimizer = optimizer;
      totalSteps = ceilDiv(batchesPerEpoch, config.gradientAccumulation()) * config.epochs();
      rates = new LearningRates(groups, config.schedule(), totalSteps);
      log = new StepLog(config.logging(), groups, totalSteps, state, listener);
    }

    TrainingResult run() {
      if (state.step > 0) {
        listener.resumed(state.step);
      }
      listener.started(groups, totalSteps);
      MovementCheck movement = MovementCheck.before(groups);
      while (state.epoch <= config.epochs()) {
        steps();
        endEpoch();
      }
      movement.after(rates.effectiveSteps());
      best.restore();
      return result();
    }

    /** The steps that are left of the present epoch. */
    private void steps() {
      List<EncodedExample> examples = data.epoch(state.epoch);
      List<int[]> batches =
          LengthGroupedBatches.epoch(lengths, config.batchSize(), config.seed(), state.epoch);
      state.startClock();
      model.training(true);
      while (state.batchesDone < batches.size()) {
        int last = Math.min(batches.size(), state.batchesDone + config.gradientAccumulation());
        step(examples, batches.subList(state.batchesDone, last));
        report();
      }
      state.stopClock();
    }

    private void step(List<EncodedExample> examples, List<int[]> batches) {
      try (Scope scope = Scope.open()) {
        Map<Parameter, Tensor> gradients = pass.gradients(examples, batches, state);
        List<Double> now = rates.at(state.step);
        Tensor norm = clip(List.copyOf(gradients.values()));
        optimizer.step(gradients, now);
        state.step++;
        state.batchesDone += batches.size();
        if (norm != null && log.isDue(state.step)) {
          log.report(state, epochs(), now, norm);
        }
      }
    }

    /** Clips, and gives the norm before that, where it is known or needed; it stays where it is. */
    private @Nullable Tensor clip(List<Tensor> gradients) {
      if (config.maxGradNorm() > 0) {
        return Ops.clipInPlace(gradients, config.maxGradNorm());
      }
      return log.isDue(state.step + 1) ? Ops.totalNorm(gradients) : null;
    }

    /** How many epochs are done. */
    private double epochs() {
      return state.epoch - 1 + (double) state.batchesDone / batchesPerEpoch;
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

    private void endEpoch() {
      Evaluation evaluation = evaluationData.isEmpty() ? null : evaluator.evaluate(evaluationData);
      if (evaluation != null) {
        listener.evaluated(state.step, epochs(), evaluation);
      }
      EpochReport report =
          new EpochReport(state.epoch, state.meanLoss(), evaluation, state.seconds());
      reports.add(report);
      best.offer(report);
      listener.epochEnded(report);
      state.endEpoch();
    }

    private TrainingResult result() {
      long trained = trainables.stream().mapToLong(t -> t.parameter().count()).sum();
      long added =
          trainables.stream()
              .map(Trainable::parameter)
              .filter(parameter -> model.parameters().get(parameter.name()) != parameter)
              .mapToLong(Parameter::count)
              .sum();
      return new TrainingResult(
          List.copyOf(reports),
          best.epoch(),
          state.step,
          state.tokens,
          1 - (double) state.tokens / state.positions,
          state.seconds(),
          PeakMemory.mib(),
          trained,
          Model.count(model.parameters().values()) + added);
    }
  }

  private static long ceilDiv(long dividend, long divisor) {
    return (dividend + divisor - 1) / divisor;
  }
}
