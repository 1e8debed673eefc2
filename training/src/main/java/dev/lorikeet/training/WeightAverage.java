package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An average of the trained weights along the run, which is what is evaluated and kept: an
 * exponential moving one over the steps, or the plain mean over the last epochs (Izmailov et al.
 * 2018, arXiv:1803.05407), by the arithmetic of torch.optim.swa_utils. Its copies live in the scope
 * that is open when it is made.
 */
final class WeightAverage implements Hook {
  private final List<Trainable> trainables;
  private final List<Tensor> weights;
  private final List<Tensor> averages;
  private final AveragingConfig config;
  private final int firstEpoch;
  private final RunState state;

  private WeightAverage(
      List<Trainable> trainables,
      List<Tensor> weights,
      List<Tensor> averages,
      AveragingConfig config,
      int firstEpoch,
      RunState state) {
    this.trainables = trainables;
    this.weights = weights;
    this.averages = averages;
    this.config = config;
    this.firstEpoch = firstEpoch;
    this.state = state;
  }

  /** The average that is asked for; without any, nothing is copied. */
  static WeightAverage of(
      List<Trainable> trainables, AveragingConfig config, int epochs, RunState state) {
    if (config.equals(AveragingConfig.NONE)) {
      return new WeightAverage(List.of(), List.of(), List.of(), config, 0, state);
    }
    List<Tensor> weights = trainables.stream().map(t -> t.parameter().original()).toList();
    List<Tensor> averages = weights.stream().map(weight -> weight.detach().copy()).toList();
    return new WeightAverage(
        trainables, weights, averages, config, epochs - config.lastEpochs() + 1, state);
  }

  /** Takes the weights of a step into an exponential moving average. */
  @Override
  public void afterUpdate(Map<Parameter, Tensor> gradients) {
    if (config.emaDecay() > 0) {
      approach(state.averaged == 0 ? 1 : 1 - decay());
    }
  }

  /** d, or (1 + n) / (10 + n) where that is less; n averages were taken. */
  private double decay() {
    double warm = (1.0 + state.averaged) / (10.0 + state.averaged);
    return config.emaWarmup() ? Math.min(config.emaDecay(), warm) : config.emaDecay();
  }

  /** Takes the weights at the end of one of the last epochs into their mean. */
  @Override
  public void afterStep(FinishedStep step) {
    if (step.endsEpoch() && config.lastEpochs() > 0 && step.epoch() >= firstEpoch) {
      approach(1.0 / (state.averaged + 1));
    }
  }

  /** Leaves the model with the average. */
  @Override
  public void end() {
    exchange();
  }

  /** The averages by their parameters' names. */
  @Override
  public Map<String, Tensor> state() {
    Map<String, Tensor> named = new LinkedHashMap<>();
    for (int i = 0; i < averages.size(); i++) {
      named.put(trainables.get(i).name() + "/average", averages.get(i));
    }
    return named;
  }

  private void approach(double share) {
    Updates.approachInPlace(averages, weights, share);
    state.averaged++;
  }

  /**
   * Lets the model compute with the average, and keeps the weights in its place; and back. Before
   * there is an average it does nothing.
   */
  void exchange() {
    if (state.averaged == 0) {
      return;
    }
    for (int i = 0; i < weights.size(); i++) {
      try (Scope scope = Scope.open()) {
        Tensor weight = weights.get(i).detach().copy();
        weights.get(i).setInPlace(averages.get(i));
        averages.get(i).setInPlace(weight);
      }
    }
  }
}
