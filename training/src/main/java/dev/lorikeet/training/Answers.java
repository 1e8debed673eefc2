package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** What a model answered to labelled examples, and what that scores: one a kind of labels. */
interface Answers {

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

  /**
   * Those of a model's head.
   *
   * @param config how they are scored
   */
  static Answers of(Model model, ScoringConfig config) {
    Task task = model.task();
    if (task != null && task.isLanguageModel()) {
      return new TokenAnswers();
    }
    List<String> names = names(model);
    if (task == Task.TOKEN_CLASSIFICATION) {
      return new TagAnswers(names, config.entityScheme());
    }
    ProblemType type =
        task == Task.SEQUENCE_CLASSIFICATION
            ? model.config().problemType()
            : ProblemType.SINGLE_LABEL;
    return switch (type) {
      case SINGLE_LABEL -> new ClassAnswers(names);
      case MULTI_LABEL -> new LabelSetAnswers(names, config.threshold());
      case REGRESSION -> new NumberAnswers();
    };
  }

  /** The names of a model's classes, transformers' for those without. */
  private static List<String> names(Model model) {
    List<String> names = model.config().labels();
    return names.isEmpty()
        ? IntStream.range(0, model.config().labelCount()).mapToObj(id -> "LABEL_" + id).toList()
        : names;
  }
}
