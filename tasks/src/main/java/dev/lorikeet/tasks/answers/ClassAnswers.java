package dev.lorikeet.tasks.answers;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.ConfusionMatrix;
import dev.lorikeet.training.metrics.Floats;
import dev.lorikeet.training.metrics.Metrics;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * One class of several an item; of the answers the likeliest class and its probability are kept.
 */
public class ClassAnswers implements Answers {
  private final List<String> names;
  private final List<long[]> classes = new ArrayList<>();
  private final List<long[]> predicted = new ArrayList<>();
  private final List<float[]> confidences = new ArrayList<>();

  /**
   * Answers.
   *
   * @param names of all classes
   */
  public ClassAnswers(List<String> names) {
    this.names = names;
  }

  @Override
  public void add(Tensor logits, Tensor labels) {
    long[] likeliest = logits.argmax(-1).toLongs();
    classes.add(labels.toLongs());
    predicted.add(likeliest);
    confidences.add(confidences(logits.toFloats(), likeliest));
  }

  /** The softmax probability of one class a row. */
  private static float[] confidences(float[] logits, long[] chosen) {
    int width = logits.length / Math.max(1, chosen.length);
    float[] confidences = new float[chosen.length];
    for (int row = 0; row < chosen.length; row++) {
      double sum = 0;
      for (int i = 0; i < width; i++) {
        sum += Math.exp((double) logits[row * width + i] - logits[row * width + (int) chosen[row]]);
      }
      confidences[row] = (float) (1 / sum);
    }
    return confidences;
  }

  List<String> names() {
    return names;
  }

  long[] labels() {
    return classes.stream().flatMapToLong(Arrays::stream).toArray();
  }

  int[] predictions() {
    return predicted.stream().flatMapToLong(Arrays::stream).mapToInt(c -> (int) c).toArray();
  }

  @Override
  public Map<String, Double> metrics(double loss) {
    return Metrics.classes(labels(), predictions(), names.size());
  }

  @Override
  public String main() {
    return "accuracy";
  }

  @Override
  public String needs() {
    return "a label";
  }

  @Override
  public EvaluationReport report(Evaluation evaluation) {
    long[] labels = labels();
    int[] predictions = predictions();
    ConfusionMatrix confusion = ConfusionMatrix.of(labels, predictions, names);
    boolean[] right = new boolean[labels.length];
    for (int i = 0; i < right.length; i++) {
      right[i] = labels[i] == predictions[i];
    }
    return new EvaluationReport(
        evaluation,
        ClassificationReport.of(confusion.byClass()),
        confusion,
        Calibration.of(Floats.concatenate(confidences), right, Calibration.BINS),
        null);
  }
}
