package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a decoder's layer: projections, norms of queries and keys where the family has
 * them, rotation, attention.
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
  private final @Nullable Norms norms;
  private final CausalAttention attention;

  /**
   * Norms of queries and of keys.
   *
   * @param ofHeads whether each head has its own, over d; else all heads share one
   */
  record Norms(RmsNorm query, RmsNorm key, boolean ofHeads) {
    /** Those of each head. */
    static Norms ofHeads(Weights weights, int size, double eps, double offset) {
      return new Norms(
          weights.rmsNorm("q_norm", size, eps, offset),
          weights.rmsNorm("k_norm", size, eps, offset),
          true);
    }

    /** Those over all heads together. */
    static Norms ofAll(Weights weights, GroupedHeads heads, double eps) {
      return new Norms(
          weights.rmsNorm("q_norm", (long) heads.queries() * heads.size(), eps, 0),
          weights.rmsNorm("k_norm", (long) heads.keysValues() * heads.size(), eps, 0),
          false);
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
      @Nullable Norms norms,
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
    Tensor q = angles.rotate(queries(x)); // [B, T, H, d]
    Tensor k = angles.rotate(keys(x)); // [B, T, K, d]
    return output.forward(attention.forward(q, k, heads.split(value.forward(x)), pass));
  }

  /** Without rotations, as layers have it that know no places (NoPE, arXiv:2305.19466). */
  Tensor forward(Tensor x, CausalAttention.Pass pass) {
    Tensor v = heads.split(value.forward(x));
    return output.forward(attention.forward(queries(x), keys(x), v, pass));
  }

  private Tensor queries(Tensor x) {
    return split(query.forward(x), norms == null ? null : norms.query);
  }

  private Tensor keys(Tensor x) {
    return split(key.forward(x), norms == null ? null : norms.key);
  }

  private Tensor split(Tensor x, @Nullable RmsNorm norm) {
    if (norm == null || norms == null) {
      return heads.split(x);
    }
    return norms.ofHeads ? norm.forward(heads.split(x)) : heads.split(norm.forward(x));
  }
}
