package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
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

  /** The mean loss and the metrics of the model's task. */
  public Evaluation evaluate(List<EncodedExample> examples) {
    if (examples.isEmpty()) {
      throw new LorikeetException("there are no examples to evaluate on");
    }
    long start = System.nanoTime();
    double[] sum = {0};
    double[] terms = {0};
    Answers answers = new Answers(classes());
    predictor.batches(
        examples,
        batch -> {
          Tensor states = features.of(batch);
          chunks.each(
              states,
              labelled.labels(batch).to(states.device()),
              (chunk, labels) -> sum[0] += score(chunk, labels, answers));
          terms[0] += loss.terms(batch);
        });
    double mean = sum[0] / terms[0];
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Evaluation(mean, metrics(answers, mean), main(), examples.size(), seconds);
  }

  /** The summed loss of states [c, D]; what the head answers of them joins the answers. */
  private double score(Tensor states, Tensor labels, Answers answers) {
    try (Scope scope = Scope.open()) {
      Tensor logits = model.head(states);
      answers.add(logits, labels);
      return loss.sum(logits, labels).item();
    }
  }

  /** Labels and predictions of all batches, one after the other; of classes the likeliest alone. */
  private static final class Answers {
    private final boolean ofClasses;
    private final List<long[]> classes = new ArrayList<>();
    private final List<long[]> predicted = new ArrayList<>();
    private final List<float[]> targets = new ArrayList<>();
    private final List<float[]> logits = new ArrayList<>();
    private int width;

    Answers(boolean ofClasses) {
      this.ofClasses = ofClasses;
    }

    /** Logits [c, C] and labels [c], or [c, C] of label sets and numbers. */
    void add(Tensor chunk, Tensor labels) {
      width = (int) chunk.size(-1);
      if (ofClasses) {
        classes.add(labels.toLongs());
        predicted.add(chunk.argmax(-1).toLongs());
      } else {
        targets.add(labels.toFloats());
        logits.add(chunk.toFloats());
      }
    }

    Map<String, Double> ofClasses() {
      int[] predictions =
          predicted.stream().flatMapToLong(Arrays::stream).mapToInt(c -> (int) c).toArray();
      return Metrics.classes(
          classes.stream().flatMapToLong(Arrays::stream).toArray(), predictions, width);
    }

    Map<String, Double> ofLabelSets() {
      return Metrics.labelSets(concatenate(targets), positive(concatenate(logits)), width);
    }

    Map<String, Double> ofNumbers() {
      return Metrics.numbers(concatenate(targets), concatenate(logits));
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

    private static boolean[] positive(float[] logits) {
      boolean[] positive = new boolean[logits.length];
      for (int i = 0; i < logits.length; i++) {
        positive[i] = logits[i] > 0;
      }
      return positive;
    }
  }

  /** Whether the answers are classes, of texts or of tokens. */
  private boolean classes() {
    return model.task() != Task.SEQUENCE_CLASSIFICATION
        || model.config().problemType() == ProblemType.SINGLE_LABEL;
  }

  private Map<String, Double> metrics(Answers answers, double meanLoss) {
    if (isLanguageModel()) {
      Map<String, Double> metrics = new LinkedHashMap<>(answers.ofClasses());
      metrics.keySet().retainAll(List.of("accuracy"));
      metrics.put("perplexity", Math.exp(meanLoss));
      return metrics;
    }
    if (classes()) {
      return answers.ofClasses();
    }
    return model.config().problemType() == ProblemType.REGRESSION
        ? answers.ofNumbers()
        : answers.ofLabelSets();
  }

  private boolean isLanguageModel() {
    Task task = model.task();
    return task != null && task.isLanguageModel();
  }

  private String main() {
    if (isLanguageModel()) {
      return "loss";
    }
    boolean sequence = model.task() == Task.SEQUENCE_CLASSIFICATION;
    ProblemType type = model.config().problemType();
    if (sequence && type == ProblemType.REGRESSION) {
      return "r2";
    }
    return sequence && type == ProblemType.MULTI_LABEL ? "micro_f1" : "accuracy";
  }
}
