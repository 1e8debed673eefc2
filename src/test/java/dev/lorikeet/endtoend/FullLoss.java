package dev.lorikeet.endtoend;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;

/** The summed loss of all of a model's logits at once, as transformers' models compute it. */
record FullLoss(Model model) {
  /**
   * The sum.
   *
   * @param labels of classes int64 [B] or [B, T], of tokens not shifted; else float32 [B, C]
   */
  Tensor sum(Tensor logits, Tensor labels) {
    if (labels.dtype() == DType.FLOAT32) {
      Tensor targets = labels.reshape(logits.shape());
      return model.config().problemType() == ProblemType.REGRESSION
          ? Ops.squaredError(logits, targets)
          : Ops.binaryCrossEntropy(logits, targets);
    }
    if (!HeadType.CAUSAL_LM.equals(model.headType())) {
      return classes(logits, labels);
    }
    long virtual = logits.size(1) - labels.size(1); // a soft prompt predicts the first token, too
    long skipped = virtual == 0 ? 1 : 0;
    long predicted = labels.size(1) - skipped;
    return classes(
        logits.narrow(1, virtual - 1 + skipped, predicted), labels.narrow(1, skipped, predicted));
  }

  private static Tensor classes(Tensor logits, Tensor labels) {
    return Ops.crossEntropy(
        logits.to(DType.FLOAT32).reshape(-1, logits.size(-1)), labels.reshape(-1));
  }
}
