package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.function.UnaryOperator;

/**
 * A transform, then the scores of all words: the word embeddings serve as the output weights.
 *
 * @param transform [D] to [E]
 * @param decoder [V, E], the word embeddings
 * @param bias [V]
 */
record MaskedLmHead(
    Projection transform,
    UnaryOperator<Tensor> activation,
    LayerNorm norm,
    Parameter decoder,
    Parameter bias,
    Mode mode) {
  /** [B, T, D] to logits [B, T, V]. */
  Tensor forward(Tensor hidden) {
    Tensor h = norm.forward(activation.apply(transform.forward(hidden))); // [B, T, E]
    return Ops.linear(h, decoder.value(mode.dtype()), bias.value(mode.dtype())); // [B, T, V]
  }
}
