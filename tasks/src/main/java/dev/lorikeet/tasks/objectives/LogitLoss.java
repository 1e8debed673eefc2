package dev.lorikeet.tasks.objectives;

import dev.lorikeet.torch.Tensor;
import java.util.Optional;

/** A summed loss of logits and their labels. */
@FunctionalInterface
interface LogitLoss {
  /**
   * The sum, a float32 scalar.
   *
   * @param logits [n, C]
   * @param labels of classes int64 [n]; else float32 [n, C]
   */
  Tensor sum(Tensor logits, Tensor labels);

  /**
   * A summed loss, float32, and its gradient with respect to the logits [n, C].
   *
   * @param ofLogits in the type of the logits
   */
  record LogitGradient(Tensor sum, Tensor ofLogits) {}

  /**
   * The sum and its gradient without autograd, in less memory where there are many classes.
   *
   * @param factor that the gradient is multiplied by
   * @return empty where only autograd knows the gradient
   */
  default Optional<LogitGradient> gradient(Tensor logits, Tensor labels, double factor) {
    return Optional.empty();
  }
}
