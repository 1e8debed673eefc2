package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;

/**
 * The loss of a task, as a sum over the labels that count. Sums, not means, so that accumulated
 * gradients equal those of the whole batch: the step divides once, by the labels of all its
 * batches.
 */
public final class Loss {
  private final boolean classes;
  private final boolean nextToken;
  private final ProblemType problemType;

  /** The loss for a model's head. */
  public Loss(Model model) {
    problemType = model.config().problemType();
    classes =
        model.task() != Task.SEQUENCE_CLASSIFICATION || problemType == ProblemType.SINGLE_LABEL;
    nextToken = model.task() == Task.CAUSAL_LM;
  }

  /**
   * The summed loss, a float32 scalar: softmax cross entropy of classes, sigmoid cross entropy of
   * several labels, squared error of numbers.
   *
   * <p>For causal language models the labels are the tokens themselves, each predicted by the
   * logits of the one before it; the first is predicted where a soft prompt lies before it.
   *
   * @param logits [B, C], or [B, T, C] for tokens
   * @param labels of classes: int64 [B] or [B, T], −100 where none counts; else float32 [B, C]
   */
  public Tensor sum(Tensor logits, Tensor labels) {
    if (nextToken) {
      long virtual = logits.size(1) - labels.size(1);
      long skipped = virtual == 0 ? 1 : 0;
      long predicted = labels.size(1) - skipped;
      return classes(
          logits.narrow(1, virtual - 1 + skipped, predicted), labels.narrow(1, skipped, predicted));
    }
    return classes ? classes(logits, labels) : numbers(logits.to(DType.FLOAT32), labels);
  }

  private static Tensor classes(Tensor logits, Tensor labels) {
    Tensor scores = logits.to(DType.FLOAT32);
    return Ops.crossEntropy(scores.reshape(-1, scores.size(-1)), labels.reshape(-1));
  }

  private Tensor numbers(Tensor scores, Tensor labels) {
    Tensor targets = labels.reshape(scores.shape());
    return problemType == ProblemType.REGRESSION
        ? Ops.squaredError(scores, targets)
        : Ops.binaryCrossEntropy(scores, targets);
  }

  /** The labels of a batch, as {@link #sum} takes them. */
  Tensor labels(Batch batch) {
    return classes
        ? Tensor.of(batch.classes(), batch.rows(), batch.labelLength())
        : Tensor.of(batch.targets(), batch.targets().length);
  }

  /**
   * How many terms the sum has: what the mean divides by. The first token of a row is never a label
   * of a causal language model: {@link dev.lorikeet.data.Encoder} gives it none.
   */
  int terms(Batch batch) {
    return classes ? batch.labelled() : batch.targets().length;
  }

  /**
   * The likeliest class for each label of a batch, [B], [B, T] or [B, U] row by row; for a causal
   * language model what the token before says, and 0 for the first.
   *
   * @param logits [B, C], or [B, T, C] for tokens
   */
  long[] predictions(Tensor logits, Batch batch) {
    long[] likeliest = logits.argmax(-1).toLongs();
    if (!nextToken) {
      return likeliest;
    }
    int width = (int) logits.size(1);
    int behind = width - batch.length() - 1;
    long[] predicted = new long[batch.rows() * batch.length()];
    for (int i = 0; i < predicted.length; i++) {
      int place = i % batch.length() + behind;
      predicted[i] = place < 0 ? 0 : likeliest[i / batch.length() * width + place];
    }
    return predicted;
  }
}
