package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The loss of a task, as a sum over the labels that count. Sums, not means, so that accumulated
 * gradients equal those of the whole batch: the step divides once, by the labels of all its
 * batches.
 */
public final class Loss {
  private final boolean classes;
  private final boolean nextToken;
  private final ProblemType problemType;
  private final double smoothing;
  private final double focalGamma;
  private final float @Nullable [] weights;

  /** The plain loss for a model's head. */
  public Loss(Model model) {
    this(model, RegularizationConfig.NONE, List.of());
  }

  /**
   * The loss for a model's head, with labels smoothed, weighted and focused as settings say.
   *
   * @param examples whose classes are counted where weights are to be balanced
   * @throws UsageException when the settings are not for the head's kind of labels
   */
  Loss(Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    problemType = model.config().problemType();
    smoothing = settings.labelSmoothingFactor();
    focalGamma = settings.focalGamma();
    classes =
        model.task() != Task.SEQUENCE_CLASSIFICATION || problemType == ProblemType.SINGLE_LABEL;
    nextToken = model.task() == Task.CAUSAL_LM;
    mustSuit(model, settings);
    weights =
        settings.classWeights().isNone()
            ? null
            : settings.classWeights().of(model.config().labels(), examples);
  }

  private void mustSuit(Model model, RegularizationConfig settings) {
    if (smoothing > 0 && !classes) {
      throw unsuited("label_smoothing_factor", "classes");
    }
    if (focalGamma > 0 && !classes && problemType == ProblemType.REGRESSION) {
      throw unsuited("focal_gamma", "classes and sets of labels");
    }
    Task task = model.task();
    boolean words = task != null && task.isLanguageModel();
    if (!settings.classWeights().isNone() && (!classes || words)) {
      throw unsuited("class_weights", "classes");
    }
  }

  private static UsageException unsuited(String key, String kind) {
    return new UsageException(
        key + " is for " + kind + ", and the model's labels are others: leave it out");
  }

  /**
   * The summed loss, a float32 scalar: softmax cross entropy of classes, sigmoid cross entropy of
   * several labels, squared error of numbers.
   *
   * <p>For causal language models the labels are the tokens themselves, each predicted by the
   * logits of the one before it; the first is predicted where a soft prompt lies before it. Logits
   * [n, C] are each that of its label already.
   *
   * @param logits [B, C], or [B, T, C] for tokens, or [n, C] for n labels
   * @param labels of classes: int64 [B], [B, T] or [n], −100 where none counts; else float32 [B, C]
   */
  public Tensor sum(Tensor logits, Tensor labels) {
    if (nextToken && logits.shape().length == 3) {
      long virtual = logits.size(1) - labels.size(1);
      long skipped = virtual == 0 ? 1 : 0;
      long predicted = labels.size(1) - skipped;
      return classes(
          logits.narrow(1, virtual - 1 + skipped, predicted), labels.narrow(1, skipped, predicted));
    }
    return classes ? classes(logits, labels) : numbers(logits.to(DType.FLOAT32), labels);
  }

  /**
   * A summed loss, float32, and its gradient with respect to the logits [n, C].
   *
   * @param ofLogits in the type of the logits
   */
  record Slope(Tensor sum, Tensor ofLogits) {}

  /**
   * The sum and its gradient without autograd, in less memory where there are many classes.
   *
   * @param logits [n, C]
   * @param labels as for {@link #sum}, all of which count
   * @param factor that the gradient is multiplied by
   * @return empty where only autograd knows the gradient
   */
  Optional<Slope> slope(Tensor logits, Tensor labels, double factor) {
    if (!classes || focalGamma > 0 || smoothing > 0 || weights != null) {
      return Optional.empty();
    }
    List<Tensor> both = Ops.crossEntropySlope(logits, labels, factor);
    return Optional.of(new Slope(both.get(0), both.get(1)));
  }

  private Tensor classes(Tensor logits, Tensor labels) {
    Tensor scores = logits.to(DType.FLOAT32).reshape(-1, logits.size(-1));
    Tensor flat = labels.reshape(-1);
    Tensor weight = weights == null ? null : Tensor.of(weights, weights.length).to(logits.device());
    return focalGamma > 0
        ? Ops.focalCrossEntropy(scores, flat, weight, focalGamma)
        : Ops.crossEntropy(scores, flat, weight, smoothing);
  }

  private Tensor numbers(Tensor scores, Tensor labels) {
    Tensor targets = labels.reshape(scores.shape());
    if (problemType == ProblemType.REGRESSION) {
      return Ops.squaredError(scores, targets);
    }
    return focalGamma > 0
        ? Ops.focalBinaryCrossEntropy(scores, targets, focalGamma)
        : Ops.binaryCrossEntropy(scores, targets);
  }

  /**
   * How many terms the sum has, each counted by its label's weight: what the mean divides by, as
   * torch's weighted mean does. The first token of a row is never a label of a causal language
   * model: {@link dev.lorikeet.data.Encoder} gives it none.
   */
  double terms(Batch batch) {
    if (!classes) {
      return batch.targets().length;
    }
    return weights == null
        ? batch.labelled()
        : LongStream.of(batch.classes())
            .filter(id -> id != EncodedExample.IGNORED)
            .mapToDouble(id -> weights[(int) id])
            .sum();
  }
}
