package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The training loop: batches, loss, backward, clip, step, report. It knows trainable parameters,
 * not where they come from.
 */
public final class Trainer {
  private final Model model;
  private final List<Trainable> trainables;
  private final TrainingData data;
  private final List<EncodedExample> evaluationData;
  private final int padTokenId;
  private final TrainingConfig config;
  private final TrainingListener listener;
  private final Loss loss;
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
    this.padTokenId = padTokenId;
    this.config = config;
    this.listener = listener;
    loss = new Loss(model);
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
        AdamW optimizer = new AdamW(groups, config.beta1(), config.beta2(), config.eps())) {
      Run state = new Run(optimizer);
      listener.started(groups, state.totalSteps);
      MovementCheck movement = MovementCheck.before(groups);
      BestParameters best = new BestParameters(trainables, config.keepBest());
      List<EpochReport> reports = new ArrayList<>();
      for (int epoch = 1; epoch <= config.epochs(); epoch++) {
        EpochReport report = state.epoch(epoch);
        reports.add(report);
        best.offer(report);
        listener.epochEnded(report);
      }
      movement.after(state.effectiveSteps());
      best.restore();
      return state.result(reports, best.epoch());
    } finally {
      model.training(false);
    }
  }

  /** The counters of a run, and its steps. */
  private final class Run {
    private final AdamW optimizer;
    private final long totalSteps;
    private final long warmupSteps;
    private final Evaluator evaluator;
    private final Clock clock = new Clock();
    private long step;
    private long tokens;
    private long positions;

    Run(AdamW optimizer) {
      this.optimizer = optimizer;
      long batches = ceilDiv(lengths.length, config.batchSize());
      totalSteps = ceilDiv(batches, config.gradientAccumulation()) * config.epochs();
      // At least the last step has a learning rate above zero.
      warmupSteps = Math.min(totalSteps - 1, (long) Math.ceil(totalSteps * config.warmupRatio()));
      evaluator = new Evaluator(model, config.batchSize(), padTokenId);
    }

    /** The steps whose learning rate is above zero: a warm-up's first is not. */
    long effectiveSteps() {
      return warmupSteps > 0 ? totalSteps - 1 : totalSteps;
    }

    EpochReport epoch(int epoch) {
      List<EncodedExample> examples = data.epoch(epoch);
      List<int[]> batches =
          LengthGroupedBatches.epoch(lengths, config.batchSize(), config.seed(), epoch);
      LossMean epochLoss = new LossMean();
      clock.start();
      model.training(true);
      for (int first = 0; first < batches.size(); first += config.gradientAccumulation()) {
        int last = Math.min(batches.size(), first + config.gradientAccumulation());
        step(examples, batches.subList(first, last), epochLoss);
        report(epoch, epochLoss);
      }
      clock.stop();
      Evaluation evaluation = evaluationData.isEmpty() ? null : evaluator.evaluate(evaluationData);
      return new EpochReport(epoch, epochLoss.mean(), evaluation, clock.seconds());
    }

    /** One optimizer step on the labels of all its batches together. */
    private void step(List<EncodedExample> examples, List<int[]> batchIndices, LossMean epochLoss) {
      try (Scope scope = Scope.open()) {
        List<Batch> batches =
            batchIndices.stream().map(indices -> Batch.of(examples, indices, padTokenId)).toList();
        int terms = batches.stream().mapToInt(loss::terms).sum();
        Map<Parameter, Tensor> gradients = Map.of();
        for (Batch batch : batches) {
          gradients = addGradients(gradients, batch, terms, epochLoss);
          tokens += batch.tokens();
          positions += (long) batch.rows() * batch.length();
        }
        update(gradients);
      }
    }

    /** Adds a batch's gradients to the sums in place; the first batch's become the sums. */
    private Map<Parameter, Tensor> addGradients(
        Map<Parameter, Tensor> sums, Batch batch, int terms, LossMean epochLoss) {
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled();
          Tape tape = Tape.of(model)) {
        Tensor logits = model.logits(Inputs.of(batch, model));
        Tensor sum = loss.sum(logits, loss.labels(batch).to(logits.device()));
        epochLoss.add(sum.item(), loss.terms(batch), step);
        Map<Parameter, Tensor> gradients =
            tape.gradients(
                sum.mul(1.0 / terms), trainables.stream().map(Trainable::parameter).toList());
        if (sums.isEmpty()) {
          mustAllHaveGradients(gradients);
          gradients.values().forEach(scope::keep);
          return gradients;
        }
        Ops.accumulateInPlace(
            List.copyOf(sums.values()), sums.keySet().stream().map(gradients::get).toList());
        return sums;
      }
    }

    private void update(Map<Parameter, Tensor> gradients) {
      if (config.maxGradNorm() > 0) {
        Ops.clipInPlace(List.copyOf(gradients.values()), config.maxGradNorm());
      }
      optimizer.step(gradients, config.schedule().factor(step, warmupSteps, totalSteps));
      step++;
    }

    private void report(int epoch, LossMean epochLoss) {
      double seconds = clock.seconds();
      double secondsLeft = seconds / step * (totalSteps - step);
      listener.progressed(
          new TrainingListener.Progress(
              step, totalSteps, epoch, epochLoss.recent(), tokens / seconds, secondsLeft));
    }

    TrainingResult result(List<EpochReport> reports, int bestEpoch) {
      long trained = trainables.stream().mapToLong(t -> t.parameter().count()).sum();
      long added =
          trainables.stream()
              .map(Trainable::parameter)
              .filter(parameter -> model.parameters().get(parameter.name()) != parameter)
              .mapToLong(Parameter::count)
              .sum();
      return new TrainingResult(
          List.copyOf(reports),
          bestEpoch,
          step,
          tokens,
          1 - (double) tokens / positions,
          clock.seconds(),
          PeakMemory.mib(),
          trained,
          Model.count(model.parameters().values()) + added);
    }
  }

  private static long ceilDiv(long dividend, long divisor) {
    return (dividend + divisor - 1) / divisor;
  }

  private void mustAllHaveGradients(Map<Parameter, Tensor> gradients) {
    for (Trainable trainable : trainables) {
      Tensor gradient = gradients.get(trainable.parameter());
      if (gradient == null || gradient.count() == 0) {
        throw new LorikeetException(
            "the loss does not depend on trainable parameter "
                + trainable.name()
                + ": leave it out of the targets");
      }
    }
  }

  /** Adds up time between start and stop. */
  private static final class Clock {
    private long nanos;
    private long startedAt;

    void start() {
      startedAt = System.nanoTime();
    }

    void stop() {
      nanos += System.nanoTime() - startedAt;
      startedAt = 0;
    }

    double seconds() {
      return (nanos + (startedAt == 0 ? 0 : System.nanoTime() - startedAt)) / 1e9;
    }
  }

  /** The mean loss of an epoch, and of its last steps. */
  private static final class LossMean {
    private static final int RECENT = 20;
    private final double[] recent = new double[RECENT];
    private int batches;
    private double sum;
    private long terms;

    void add(double batchSum, int batchTerms, long step) {
      if (!Double.isFinite(batchSum)) {
        throw new LorikeetException(
            "the loss is "
                + batchSum
                + " at step "
                + (step + 1)
                + ": lower the learning rate, or look for broken rows in the data");
      }
      recent[batches++ % RECENT] = batchSum / Math.max(1, batchTerms);
      sum += batchSum;
      terms += batchTerms;
    }

    double mean() {
      return sum / terms;
    }

    double recent() {
      int count = Math.min(batches, RECENT);
      return Arrays.stream(recent, 0, count).sum() / count;
    }
  }
}
