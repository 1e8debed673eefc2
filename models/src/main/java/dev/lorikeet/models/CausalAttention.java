package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention of a decoder's tokens to themselves and those before them, with query heads that share
 * heads of keys and values (Ainslie et al. 2023, arXiv:2305.13245).
 *
 * <p>Axes: B batch, T tokens, S tokens with those of the cache, H query heads, K heads of keys and
 * values, d width of a head.
 *
 * @param layer the layer's number
 * @param window whether it has a sliding window
 * @param scale of the scores
 * @param cap bends scores s to cap · tanh(s / cap); 0 leaves them
 * @param dropout of the probabilities
 */
record CausalAttention(int layer, boolean window, double scale, double cap, Dropout dropout) {

  /**
   * What all layers share in one forward pass.
   *
   * @param mask of layers without a window
   * @param windowMask of layers with one
   * @param blind whether some token sees nothing, as padding at the left does; such a token's
   *     context is the mean of all values, and the fused kernel's gradients for it are wrong
   */
  record Pass(
      long past,
      long length,
      @Nullable KeyValueCache cache,
      @Nullable Tensor mask,
      @Nullable Tensor windowMask,
      boolean blind) {

    /**
     * The pass over a batch's embedded tokens.
     *
     * @param hidden [B, T, D], with a soft prompt where the input has one
     */
    static Pass of(ModelInput input, Tensor hidden, SlidingWindow window, Mode mode) {
      long past = input.past();
      long length = hidden.size(1);
      Integer tokens = window.tokens() == 0 ? null : window.tokens();
      Tensor mask = mask(input, past, length, null, mode);
      Tensor windowMask = tokens == null ? null : mask(input, past, length, tokens, mode);
      boolean blind =
          GradMode.isEnabled()
              && input.attentionMask() != null
              && (isBlind(mask) || isBlind(windowMask));
      return new Pass(past, length, input.cache(), mask, windowMask, blind);
    }

    /** Whether a row of [.., T, S] hides everything. */
    private static boolean isBlind(@Nullable Tensor mask) {
      if (mask == null) {
        return false;
      }
      try (Scope scope = Scope.open()) {
        return mask.eq(0).sum(-1, false).eq(0).max().item() > 0;
      }
    }

    /** Null where looking back alone says what is hidden. */
    private static @Nullable Tensor mask(
        ModelInput input, long past, long length, @Nullable Integer window, Mode mode) {
      boolean plain = input.attentionMask() == null && past == 0;
      return plain && (window == null || window >= length)
          ? null
          : AttentionMasks.causal(input, past, length, window, mode.dtype());
    }
  }

  /**
   * The tokens' contexts.
   *
   * @param q [B, T, H, d]
   * @param k [B, T, K, d]
   * @param v [B, T, K, d]
   * @return [B, T, H·d]
   */
  Tensor forward(Tensor q, Tensor k, Tensor v, Pass pass) {
    Tensor keys = k.transpose(1, 2); // [B, K, T, d]
    Tensor values = v.transpose(1, 2);
    if (pass.cache != null) {
      KeyValueCache.KeysValues all = pass.cache.append(layer, keys, values);
      keys = all.keys(); // [B, K, S, d]
      values = all.values();
    }
    Tensor mask = window ? pass.windowMask : pass.mask;
    boolean causal = mask == null && pass.length > 1;
    Tensor queries = q.transpose(1, 2); // [B, H, T, d]
    double p = dropout.rate();
    Tensor context =
        cap > 0 || pass.blind
            ? Ops.groupedAttentionInSteps(queries, keys, values, mask, causal, p, scale, cap)
            : Ops.groupedAttention(queries, keys, values, mask, causal, p, scale);
    return context.transpose(1, 2).reshape(q.size(0), q.size(1), -1);
  }
}
