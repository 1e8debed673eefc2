package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.torch.UsageException;
import java.util.List;

/** Evaluates a run when its settings say so, keeps its best parameters, and ends it early. */
final class RunEvaluation implements Hook {
  private final Evaluator evaluator;
  private final List<EncodedExample> data;
  private final EvaluationConfig config;
  private final WeightAverage average;
  private final BestParameters best;
  private final RunState state;
  private final TrainingListener listener;

  RunEvaluation(
      Evaluator evaluator,
      List<EncodedExample> data,
      EvaluationConfig config,
      WeightAverage average,
      BestParameters best,
      RunState state,
      TrainingListener listener) {
    this.evaluator = evaluator;
    this.data = data;
    this.config = config;
    this.average = average;
    this.best = best;
    this.state = state;
    this.listener = listener;
  }

  /**
   * What there is to do before the first step.
   *
   * @throws UsageException when a setting needs evaluation data and there are none, or a metric
   *     that the task has not
   * @throws dev.lorikeet.torch.LorikeetException when the evaluation data have nothing to score
   */
  @Override
  public void start() {
    if (data.isEmpty()) {
      String need = config.needsData();
      if (need != null) {
        throw new UsageException(
            need + ", and there are no evaluation data: give --eval-data, or leave it out");
      }
      return;
    }
    evaluator.mustScore(data);
    if (config.metricForBestModel() != null) {
      config.score(evaluator.evaluate(firstLabelled())); // a wrong name must not cost an epoch
    }
    if (config.evalOnStart() && state.step == 0) {
      evaluate(false);
    }
  }

  private List<EncodedExample> firstLabelled() {
    return data.stream().filter(evaluator::scores).limit(1).toList();
  }

  /** Evaluates after a step, if it is time. */
  @Override
  public void afterStep(FinishedStep step) {
    if (data.isEmpty()
        || !config
            .evalStrategy()
            .isDue(config.evalSteps(), step.step(), step.totalSteps(), step.endsEpoch())) {
      return;
    }
    double bestBefore = state.bestScore;
    average.exchange(); // what is scored and kept is the average, where there is one
    double score = config.score(evaluate(step.endsEpoch()));
    best.offer(score);
    average.exchange();
    stopWithoutGain(score, bestBefore);
  }

  private Evaluation evaluate(boolean epochEnds) {
    StepEvaluation result =
        new StepEvaluation(
            state.step, state.epoch, state.epochsDone(), epochEnds, evaluator.evaluate(data));
    state.evaluations.add(result);
    listener.evaluated(result);
    return result.evaluation();
  }

  /** As transformers' EarlyStoppingCallback counts. */
  private void stopWithoutGain(double score, double bestBefore) {
    boolean gain = Double.isNaN(bestBefore) || score - bestBefore > config.earlyStoppingThreshold();
    state.evaluationsWithoutGain = gain ? 0 : state.evaluationsWithoutGain + 1;
    Integer patience = config.earlyStoppingPatience();
    state.stopped = patience != null && state.evaluationsWithoutGain >= patience;
  }
}
