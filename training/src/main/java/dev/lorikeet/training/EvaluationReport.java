package dev.lorikeet.training;

import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.ConfusionMatrix;
import org.jspecify.annotations.Nullable;

/**
 * What a model scores on a data set, in detail.
 *
 * @param evaluation the loss and the metrics
 * @param classes the scores by class; null for numbers and language models
 * @param confusion which class was answered for which; null unless an item has one class of several
 * @param calibration of the probabilities of the answers, for sets of labels of each label of each
 *     item; null for numbers and language models
 * @param entities the scores of entities by type; null unless the labels are tags of entities
 */
public record EvaluationReport(
    Evaluation evaluation,
    @Nullable ClassificationReport classes,
    @Nullable ConfusionMatrix confusion,
    @Nullable Calibration calibration,
    @Nullable ClassificationReport entities) {

  public EvaluationReport withEntities(ClassificationReport scores) {
    return new EvaluationReport(evaluation, classes, confusion, calibration, scores);
  }

  /** Of what has neither classes nor entities. */
  public static EvaluationReport of(Evaluation evaluation) {
    return new EvaluationReport(evaluation, null, null, null, null);
  }
}
