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
  private final Layers layers;
  private final Freezing freezing;
  private final long stepsPerEpoch;

  /**
   * A run over {@code data}.
   *
   * @param evaluationData scored after each epoch; empty for none
   * @throws LorikeetException when there are no examples or no trainable parameters
   * @throws dev.lorikeet.torch.UsageException when what is to be frozen is not there
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
    lengths = EncodedExample.lengths(first);
    stepsPerEpoch =
        ceilDiv(ceilDiv(lengths.length, config.batchSize()), config.gradientAccumulation());
    layers = Layers.of(model.parameters().keySet());
    freezing = new Freezing(trainables, layers, config.freeze(), stepsPerEpoch);
    this.trainables = freezing.trained();
    this.data = data;
    this.evaluationData = evaluationData;
    this.config = config;
    this.listener = listener;
    int maxTokens = config.maxTokensPerPass(model.mode().device());
    pass = new GradientPass(model, this.trainables, new Loss(model), padTokenId, maxTokens);
    evaluator = new Evaluator(model, config.batchSize(), padTokenId);
  }

  /**
   * Trains, and leaves the model with the parameters of the best epoch, or of the last.
   *
   * @throws dev.lorikeet.torch.UsageException when a parameter group matches nothing
   * @throws LorikeetException when the loss is not finite, or a parameter got no gradient or did
   *     not move
   */
  public TrainingResult run() {
    List<ParameterGroup> groups = groups();
    PeakMemory.reset();
    Torch.seed(config.seed());
    try (Scope run = Scope.open();
        Optimizer optimizer = config.optimizer().make(groups)) {
      return new Run(groups, optimizer).run();
    } finally {
      model.training(false);
    }
  }

  private List<ParameterGroup> groups() {
    return ParameterGroup.of(
        trainables,
        config.lr(),
        config.weightDecay(),
        config.groups(),
        new RateFactors(config.rates(), trainables, layers));
  }

  private long totalSteps() {
    return stepsPerEpoch * config.epochs();
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

  /** A run under way. */
  private final class Run {
    private final List<ParameterGroup> groups;
    private final Optimizer optimizer;
    private final long totalSteps;
    private final LearningRates rates;
    private final RunState state = new RunState();
    private final BestParameters best =
        new BestParameters(trainables, config.evaluation().keepBest());
    private final List<EpochReport> reports = new ArrayList<>();

    Run(List<ParameterGroup> groups, Optimizer optimizer) {
      this.groups = groups;
      this.optimizer = optimizer;
      totalSteps = totalSteps();
      rates = new LearningRates(groups, config.schedule(), totalSteps, state.plateau);
    }

    TrainingResult run() {
      listener.started(groups, totalSteps);
      MovementCheck movement = MovementCheck.before(groups, config.optimizer().type());
      while (state.epoch <= config.epochs() && !rates.areSpent()) {
        steps();
        endEpoch();
      }
      movement.after(rates.effectiveSteps(state.step, freezing));
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
        state.batchesDone = last;
        report();
      }
      state.stopClock();
    }

    private void step(List<EncodedExample> examples, List<int[]> batches) {
      freezing.at(state.step);
      try (Scope scope = Scope.open()) {
        Map<Parameter, Tensor> gradients = pass.gradients(examples, batches, state);
        if (config.maxGradNorm() > 0) {
          Ops.clipInPlace(List.copyOf(gradients.values()), config.maxGradNorm());
        }
        optimizer.step(gradients, rates.at(state.step));
        state.step++;
      }
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
      EpochReport report =
          new EpochReport(state.epoch, state.meanLoss(), evaluation, state.seconds());
      reports.add(report);
      best.offer(report);
      state.plateau.offer(evaluation, state.meanLoss(), config.schedule());
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
