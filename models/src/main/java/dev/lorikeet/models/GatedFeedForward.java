package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;

/**
 * The feed-forward part of a decoder's layer: (f(x Gᵀ) ⊙ x Uᵀ) Wᵀ (Shazeer 2020, arXiv:2002.05202).
 *
 * <p>Axes: B batch, T tokens, D width of the model, F width of this part.
 */
final class GatedFeedForward {
  private final Projection gate;
  private final Projection up;
  private final Projection down;
  private final BinaryOperator<Tensor> gated;

  /**
   * The part at {@code weights}.
   *
   * @param width D
   * @param inner F
   */
  GatedFeedForward(Weights weights, int width, int inner, boolean bias, String activation) {
    gate = weights.linear("gate_proj", inner, width, bias);
    up = weights.linear("up_proj", inner, width, bias);
    down = weights.linear("down_proj", width, inner, bias);
    UnaryOperator<Tensor> function = Activation.of(activation);
    gated = activation.equals("silu") ? Ops::siluMul : (g, u) -> function.apply(g).mul(u);
  }

  /** [B, T, D] to [B, T, D]. */
  Tensor forward(Tensor x) {
    return down.forward(gated.apply(gate.forward(x), up.forward(x))); // of [B, T, F]
  }
}
