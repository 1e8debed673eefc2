package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import java.util.Map;

/** What a model answered to labelled examples, and what that scores: one a kind of labels. */
public interface Answers {
  /**
   * Adds answers.
   *
   * @param logits [n, C]
   * @param labels of classes int64 [n]; of sets of labels and of numbers float32 [n, C]
   */
  void add(Tensor logits, Tensor labels);

  /**
   * Says that all answers of a batch were added.
   *
   * @param counts how many each row has, in their order, [B]
   */
  default void endBatch(int[] counts) {}

  /**
   * The metrics by name.
   *
   * @param loss the mean loss
   */
  Map<String, Double> metrics(double loss);

  /** The metric that runs are compared by. */
  String main();

  /** What an example must have for there to be something to score, as errors say it. */
  String needs();

  /** The evaluation, and what else can be said of the answers. */
  default EvaluationReport report(Evaluation evaluation) {
    return EvaluationReport.of(evaluation);
  }
}
