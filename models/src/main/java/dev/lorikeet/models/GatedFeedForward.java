package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
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
  private final UnaryOperator<Tensor> activation;

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
    this.activation = Activation.of(activation);
  }

  /** [B, T, D] to [B, T, D]. */
  Tensor forward(Tensor x) {
    return down.forward(activation.apply(gate.forward(x)).mul(up.forward(x))); // of [B, T, F]
  }
}
