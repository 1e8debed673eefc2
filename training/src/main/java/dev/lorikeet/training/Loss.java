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
  private final ProblemType problemType;

  /** The loss for a model's head. */
  public Loss(Model model) {
    problemType = model.config().problemType();
    classes =
        model.task() != Task.SEQUENCE_CLASSIFICATION || problemType == ProblemType.SINGLE_LABEL;
  }

  /**
   * The summed loss, a float32 scalar: softmax cross entropy of classes, sigmoid cross entropy of
   * several labels, squared error of numbers.
   *
   * @param logits [B, C], or [B, T, C] for tokens
   * @param labels of classes: int64 [B] or [B, T], −100 where none counts; else float32 [B, C]
   */
  public Tensor sum(Tensor logits, Tensor labels) {
    Tensor scores = logits.to(DType.FLOAT32);
    if (classes) {
      return Ops.crossEntropy(scores.reshape(-1, scores.size(-1)), labels.reshape(-1));
    }
    Tensor targets = labels.reshape(scores.shape());
    return problemType == ProblemType.REGRESSION
        ? Ops.squaredError(scores, targets)
        : Ops.binaryCrossEntropy(scores, targets);
  }

  /** The labels of a batch, as {@link #sum} takes them. */
  Tensor labels(Batch batch) {
    return classes
        ? Tensor.of(batch.classes(), batch.classes().length)
        : Tensor.of(batch.targets(), batch.targets().length);
  }

  /** How many terms the sum has: what the mean divides by. */
  int terms(Batch batch) {
    return classes ? batch.labelled() : batch.targets().length;
  }
}
