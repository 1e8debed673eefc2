package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a decoder's layer: projections, norms of each head's queries and keys where the
 * family has them, rotation, attention.
 *
 * <p>Axes: B batch, T tokens, H query heads, K heads of keys and values, d width of a head, D width
 * of the model.
 */
final class DecoderAttention {
  private final GroupedHeads heads;
  private final Projection query;
  private final Projection key;
  private final Projection value;
  private final Projection output;
  private final @Nullable HeadNorms norms;
  private final CausalAttention attention;

  /** Of queries and of keys, each over d. */
  record HeadNorms(RmsNorm query, RmsNorm key) {
    static HeadNorms of(Weights weights, int size, double eps, double offset) {
      return new HeadNorms(
          weights.rmsNorm("q_norm", size, eps, offset),
          weights.rmsNorm("k_norm", size, eps, offset));
    }
  }

  /**
   * The attention at {@code weights}.
   *
   * @param bias whether queries, keys and values have biases
   * @param outputBias whether the output has one
   */
  DecoderAttention(
      Weights weights,
      GroupedHeads heads,
      boolean bias,
      boolean outputBias,
      @Nullable HeadNorms norms,
      CausalAttention attention) {
    int queries = heads.queries() * heads.size();
    int keys = heads.keysValues() * heads.size();
    query = weights.linear("q_proj", queries, heads.width(), bias);
    key = weights.linear("k_proj", keys, heads.width(), bias);
    value = weights.linear("v_proj", keys, heads.width(), bias);
    output = weights.linear("o_proj", heads.width(), queries, outputBias);
    this.heads = heads;
    this.norms = norms;
    this.attention = attention;
  }

  /** [B, T, D] to [B, T, D]. */
  Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
    Tensor q = heads.split(query.forward(x)); // [B, T, H, d]
    Tensor k = heads.split(key.forward(x)); // [B, T, K, d]
    Tensor v = heads.split(value.forward(x));
    if (norms != null) {
      q = norms.query.forward(q);
      k = norms.key.forward(k);
    }
    return output.forward(attention.forward(angles.rotate(q), angles.rotate(k), v, pass));
  }
}
