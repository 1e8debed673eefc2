package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.function.UnaryOperator;

/**
 * A transform, then the scores of all words.
 *
 * @param transform [D] to [E]
 * @param decoder [E] to [V], whose weight is the table of word embeddings where the two are tied
 */
record MaskedLmHead(
    Projection transform, UnaryOperator<Tensor> activation, LayerNorm norm, Projection decoder) {
  /** [B, T, D] to logits [B, T, V]. */
  Tensor forward(Tensor hidden) {
    Tensor h = norm.forward(activation.apply(transform.forward(hidden))); // [B, T, E]
    return decoder.forward(h); // [B, T, V]
  }
}
