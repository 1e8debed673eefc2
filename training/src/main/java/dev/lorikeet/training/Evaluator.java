package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Scores a model on labelled examples. */
public final class Evaluator {
  private final Model model;
  private final Predictor predictor;
  private final Loss loss;

  /**
   * An evaluator of one model.
   *
   * @param batchSize examples a batch; it changes the time and memory, not the result
   */
  public Evaluator(Model model, int batchSize, int padTokenId) {
    this.model = model;
    predictor = new Predictor(model, batchSize, padTokenId);
    loss = new Loss(model);
  }

  /** The mean loss and the metrics of the model's task. */
  public Evaluation evaluate(List<EncodedExample> examples) {
    long start = System.nanoTime();
    double[] sum = {0};
    long[] terms = {0};
    Answers answers = new Answers();
    predictor.run(
        examples,
        (batch, logits) -> {
          sum[0] += loss.sum(logits, loss.labels(batch).to(logits.device())).item();
          terms[0] += loss.terms(batch);
          answers.add(logits.toFloats(), batch.classes(), batch.targets(), (int) logits.size(-1));
        });
    double mean = sum[0] / terms[0];
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Evaluation(mean, metrics(answers, mean), main(), examples.size(), seconds);
  }

  /** Labels and logits of all batches, one after the other. */
  private static final class Answers {
    final List<float[]> logits = new ArrayList<>();
    final List<long[]> classes = new ArrayList<>();
    final List<float[]> targets = new ArrayList<>();
    int width;

    void add(float[] batchLogits, long[] batchClasses, float[] batchTargets, int lastAxis) {
      logits.add(batchLogits);
      classes.add(batchClasses);
      targets.add(batchTargets);
      width = lastAxis;
    }

    float[] allLogits() {
      return concatenate(logits);
    }

    float[] allTargets() {
      return concatenate(targets);
    }

    long[] allClasses() {
      return classes.stream().flatMapToLong(Arrays::stream).toArray();
    }

    private static float[] concatenate(List<float[]> parts) {
      float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
      int at = 0;
      for (float[] part : parts) {
        System.arraycopy(part, 0, all, at, part.length);
        at += part.length;
      }
      return all;
    }
  }

  private Map<String, Double> metrics(Answers answers, double meanLoss) {
    if (model.task() == Task.MASKED_LM) {
      Map<String, Double> metrics =
          new LinkedHashMap<>(
              Metrics.classes(answers.allClasses(), argmax(answers), answers.width));
      metrics.keySet().retainAll(List.of("accuracy"));
      metrics.put("perplexity", Math.exp(meanLoss));
      return metrics;
    }
    if (model.task() == Task.TOKEN_CLASSIFICATION) {
      return Metrics.classes(answers.allClasses(), argmax(answers), answers.width);
    }
    return switch (model.config().problemType()) {
      case SINGLE_LABEL -> Metrics.classes(answers.allClasses(), argmax(answers), answers.width);
      case MULTI_LABEL ->
          Metrics.labelSets(answers.allTargets(), positive(answers.allLogits()), answers.width);
      case REGRESSION -> Metrics.numbers(answers.allTargets(), answers.allLogits());
    };
  }

  private String main() {
    if (model.task() == Task.MASKED_LM) {
      return "loss";
    }
    boolean sequence = model.task() == Task.SEQUENCE_CLASSIFICATION;
    ProblemType type = model.config().problemType();
    if (sequence && type == ProblemType.REGRESSION) {
      return "r2";
    }
    return sequence && type == ProblemType.MULTI_LABEL ? "micro_f1" : "accuracy";
  }

  private static int[] argmax(Answers answers) {
    float[] logits = answers.allLogits();
    int width = answers.width;
    int[] best = new int[logits.length / width];
    for (int item = 0; item < best.length; item++) {
      for (int i = 1; i < width; i++) {
        if (logits[item * width + i] > logits[item * width + best[item]]) {
          best[item] = i;
        }
      }
    }
    return best;
  }

  private static boolean[] positive(float[] logits) {
    boolean[] positive = new boolean[logits.length];
    for (int i = 0; i < logits.length; i++) {
      positive[i] = logits[i] > 0;
    }
    return positive;
  }
}
