package dev.lorikeet.tasks.answers;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.Floats;
import dev.lorikeet.training.metrics.Metrics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Any number of labels an item: those whose probability is above a threshold are answered. */
public final class LabelSetAnswers implements Answers {
  private final List<String> names;

  /** The logit of the probability that a label must be above. */
  private final double threshold;

  private final List<float[]> targets = new ArrayList<>();
  private final List<float[]> logits = new ArrayList<>();

  /**
   * Answers.
   *
   * @param names of all labels
   * @param threshold a probability
   */
  public LabelSetAnswers(List<String> names, double threshold) {
    this.names = names;
    this.threshold = Math.log(threshold / (1 - threshold));
  }

  @Override
  public void add(Tensor ofRows, Tensor labels) {
    targets.add(labels.toFloats());
    logits.add(ofRows.toFloats());
  }

  private boolean[] predictions() {
    float[] all = Floats.concatenate(logits);
    boolean[] positive = new boolean[all.length];
    for (int i = 0; i < all.length; i++) {
      positive[i] = all[i] > threshold;
    }
    return positive;
  }

  @Override
  public Map<String, Double> metrics(double loss) {
    return Metrics.labelSets(Floats.concatenate(targets), predictions(), names.size());
  }

  @Override
  public String main() {
    return "micro_f1";
  }

  @Override
  public String needs() {
    return "labels";
  }

  @Override
  public EvaluationReport report(Evaluation evaluation) {
    float[] truth = Floats.concatenate(targets);
    float[] probabilities = Floats.concatenate(logits);
    boolean[] holds = new boolean[truth.length];
    for (int i = 0; i < truth.length; i++) {
      holds[i] = truth[i] > 0.5f;
      probabilities[i] = (float) (1 / (1 + Math.exp(-probabilities[i])));
    }
    return new EvaluationReport(
        evaluation,
        ClassificationReport.of(Metrics.labelCounts(truth, predictions(), names)),
        null,
        Calibration.of(probabilities, holds, Calibration.BINS),
        null);
  }
}
