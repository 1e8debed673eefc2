package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * softmax(q kᵀ / √d) v in several heads, between projections (Vaswani et al. 2017,
 * arXiv:1706.03762, §3.2.2), every token looking at every other.
 *
 * <p>Axes: B batch, T tokens, S tokens with those of the cache, H heads, d width of a head, D =
 * H·d.
 *
 * @param layer whose part it is: where its keys and values lie in a cache
 * @param heads H
 * @param dropout of the probabilities
 */
record SelfAttention(
    int layer,
    Projection query,
    Projection key,
    Projection value,
    Projection output,
    int heads,
    Dropout dropout) {
  /**
   * What the tokens gather.
   *
   * @param x [B, T, D]
   * @param mask added to the scores, broadcast to [B, H, T, S]; null for none
   * @param cache of keys and values that the tokens look at besides their own; null for none
   * @return [B, T, D]
   */
  Tensor forward(Tensor x, @Nullable Tensor mask, @Nullable KeyValueCache cache) {
    Tensor wholeQ = query.forward(x); // [B, T, D]
    Tensor wholeK = key.forward(x);
    Tensor wholeV = value.forward(x);
    Tensor context =
        cache != null ? null : ByHand.attention(wholeQ, wholeK, wholeV, heads, mask, dropout);
    if (context != null) {
      return output.forward(context);
    }
    Tensor q = split(wholeQ); // [B, T, H, d]
    Tensor k = split(wholeK);
    Tensor v = split(wholeV);
    if (cache != null) {
      KeyValueCache.KeysValues all = cache.append(layer, k, v);
      k = all.keys(); // [B, S, H, d]
      v = all.values();
    }
    return output.forward(Ops.attention(q, k, v, mask, dropout.rate())); // [B, T, D]
  }

  /** [B, T, D] to [B, T, H, d]. */
  private Tensor split(Tensor x) {
    return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads);
  }
}
