package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;

/** Scores a model on labelled examples. */
public final class Evaluator {
  private final Model model;
  private final Predictor predictor;
  private final Loss loss;
  private final LabelledStates labelled;
  private final HeadChunks chunks;
  private final Features features;

  /**
   * An evaluator of one model.
   *
   * @param batchSize examples a batch; it changes the time and memory, not the result
   */
  public Evaluator(Model model, int batchSize, int padTokenId) {
    this(model, new Predictor(model, batchSize, padTokenId));
  }

  Evaluator(Model model, Predictor predictor) {
    this.model = model;
    this.predictor = predictor;
    loss = new Loss(model);
    labelled = new LabelledStates(model);
    chunks = HeadChunks.of(model);
    features = new Features(model, predictor);
  }

  /** What the head reads of the examples. */
  Features features() {
    return features;
  }

  /**
   * The mean loss and the metrics of the model's task.
   *
   * @throws LorikeetException when there is nothing to score
   */
  public Evaluation evaluate(List<EncodedExample> examples) {
    return evaluate(examples, Answers.of(model, ScoringConfig.DEFAULT));
  }

  /**
   * {@link #evaluate(List)}, and what else can be said of the answers.
   *
   * @throws LorikeetException when there is nothing to score
   * @throws UsageException when the labels are no tags of the scheme, or not several an item and
   *     there is a threshold
   */
  public EvaluationReport report(List<EncodedExample> examples, ScoringConfig config) {
    mustSuit(config);
    Answers answers = Answers.of(model, config);
    return answers.report(evaluate(examples, answers));
  }

  private void mustSuit(ScoringConfig config) {
    if (config.entityScheme() != null && model.task() != Task.TOKEN_CLASSIFICATION) {
      throw new UsageException(
          "entity_scheme is "
              + config.entityScheme()
              + ", and entities are scored for "
              + Task.TOKEN_CLASSIFICATION.id()
              + " only: leave it out");
    }
    boolean several =
        model.task() == Task.SEQUENCE_CLASSIFICATION
            && model.config().problemType() == ProblemType.MULTI_LABEL;
    if (config.threshold() != ScoringConfig.DEFAULT.threshold() && !several) {
      throw new UsageException(
          "threshold is "
              + config.threshold()
              + ", and the model does not answer with several labels a text: leave it out");
    }
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
    if (examples.stream().noneMatch(example -> LabelledStates.count(example) > 0)) {
      throw new LorikeetException(
          "there is nothing to score: none of the "
              + examples.size()
              + " examples has "
              + Answers.of(model, ScoringConfig.DEFAULT).needs());
    }
  }

  private Evaluation evaluate(List<EncodedExample> examples, Answers answers) {
    mustScore(examples);
    long start = System.nanoTime();
    double[] sum = {0};
    double[] terms = {0};
    predictor.batches(
        examples,
        batch -> {
          Tensor states = features.of(batch);
          chunks.each(
              states,
              labelled.labels(batch).to(states.device()),
              (chunk, labels) -> sum[0] += score(chunk, labels, answers));
          answers.endBatch(labelled.counts(batch));
          terms[0] += loss.terms(batch);
        });
    double mean = sum[0] / terms[0];
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Evaluation(mean, answers.metrics(mean), answers.main(), examples.size(), seconds);
  }

  /** The summed loss of states [c, D]; what the head answers of them joins the answers. */
  private double score(Tensor states, Tensor labels, Answers answers) {
    try (Scope scope = Scope.open()) {
      Tensor logits = model.head(states);
      answers.add(logits, labels);
      return loss.sum(logits, labels).item();
    }
  }
}
