package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.List;

/** Scores a model on labelled examples. */
public final class Evaluator {
  private final Predictor predictor;
  private final TrainingTask task;
  private final Objective objective;
  private final Features features;

  /**
   * An evaluator of one model.
   *
   * @param batchSize examples a batch; it changes the time and memory, not the result
   */
  public Evaluator(Model model, TrainingTask task, int batchSize, int padTokenId) {
    this(model, task, new Predictor(model, batchSize, padTokenId));
  }

  Evaluator(Model model, TrainingTask task, Predictor predictor) {
    this.task = task;
    this.predictor = predictor;
    objective = task.objective();
    features = new Features(model, objective, predictor);
  }

  /** What the objective reads of the examples. */
  Features features() {
    return features;
  }

  /**
   * The mean loss and the metrics of the model's task.
   *
   * @throws LorikeetException when there is nothing to score
   */
  public Evaluation evaluate(List<EncodedExample> examples) {
    return evaluate(examples, task.answers(ScoringConfig.DEFAULT));
  }

  /**
   * {@link #evaluate(List)}, and what else can be said of the answers.
   *
   * @throws LorikeetException when there is nothing to score
   * @throws dev.lorikeet.torch.UsageException when a setting is not for the task
   */
  public EvaluationReport report(List<EncodedExample> examples, ScoringConfig config) {
    Answers answers = task.answers(config);
    return answers.report(evaluate(examples, answers));
  }

  /**
   * Checks that there is something to score.
   *
   * @throws LorikeetException when no example has a label that counts
   */
  void mustScore(List<EncodedExample> examples) {
    if (examples.isEmpty()) {
      throw new LorikeetException("there are no examples to evaluate on");
    }
    if (examples.stream().noneMatch(this::scores)) {
      throw new LorikeetException(
          "there is nothing to score: none of the "
              + examples.size()
              + " examples has "
              + task.answers(ScoringConfig.DEFAULT).needs());
    }
  }

  /** Whether an example has something that is scored. */
  boolean scores(EncodedExample example) {
    return objective.states(example) > 0;
  }

  private Evaluation evaluate(List<EncodedExample> examples, Answers answers) {
    mustScore(examples);
    long start = System.nanoTime();
    double[] sum = {0};
    double[] terms = {0};
    predictor.batches(
        examples,
        objective.pairing() == Objective.Pairing.STEP,
        (parts, batch) -> {
          List<Tensor> states = parts.stream().map(features::of).toList();
          Tensor all = states.size() == 1 ? states.get(0) : Tensor.cat(states, 0); // [n, D]
          sum[0] += objective.sum(all, batch, answers::add);
          answers.endBatch(objective.states(batch));
          terms[0] += objective.terms(batch);
        });
    double mean = sum[0] / terms[0];
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Evaluation(mean, answers.metrics(mean), answers.main(), examples.size(), seconds);
  }
}
