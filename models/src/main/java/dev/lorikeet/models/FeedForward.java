package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.function.UnaryOperator;

/**
 * norm(x + W₂ f(W₁ x)), as BERT and its kin have it (Vaswani et al. 2017, arXiv:1706.03762, §3.3).
 *
 * <p>Axes: B batch, T tokens, D width of the model, I width between.
 *
 * @param intermediate W₁, [D] to [I]
 * @param activation f
 * @param output W₂, [I] to [D]
 * @param dropout of what is added to x
 * @param norm of the sum
 */
record FeedForward(
    Projection intermediate,
    UnaryOperator<Tensor> activation,
    Projection output,
    Dropout dropout,
    LayerNorm norm) {
  /** [B, T, D] to [B, T, D]. */
  Tensor forward(Tensor x) {
    Tensor h = activation.apply(intermediate.forward(x)); // [B, T, I]
    return ByHand.addNorm(output.forward(h), x, dropout, norm);
  }
}
