package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
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
   * @param documents the lengths of documents that share a row and do not see each other; the masks
   *     are then those of the longest
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Pass(
      long past,
      long length,
      @Nullable KeyValueCache cache,
      @Nullable Tensor mask,
      @Nullable Tensor windowMask,
      boolean blind,
      int[] documents) {

    /**
     * The pass over a batch's embedded tokens.
     *
     * @param hidden [B, T, D], with a soft prompt where the input has one
     */
    static Pass of(ModelInput input, Tensor hidden, SlidingWindow window, Mode mode) {
      long past = input.past();
      long length = hidden.size(1);
      Integer tokens = window.tokens() == 0 ? null : window.tokens();
      int[] documents = input.documents();
      if (documents.length > 0) {
        mustBeAlone(input, documents, length);
        int longest = IntStream.of(documents).max().orElseThrow();
        Tensor near = tokens == null ? null : mask(input, past, longest, tokens, mode);
        return new Pass(past, length, null, null, near, false, documents);
      }
      Tensor mask = mask(input, past, length, null, mode);
      Tensor windowMask = tokens == null ? null : mask(input, past, length, tokens, mode);
      boolean blind =
          GradMode.isEnabled()
              && input.earlierMask() != null
              && (isBlind(mask) || isBlind(windowMask));
      return new Pass(past, length, input.cache(), mask, windowMask, blind, documents);
    }

    private static void mustBeAlone(ModelInput input, int[] documents, long length) {
      if (input.past() > 0 || IntStream.of(documents).sum() != length) {
        throw new LorikeetException(
            "packed documents cannot be read behind learned or cached tokens: leave packing out, or"
                + " use a method that adapts layers");
      }
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
      boolean plain = input.earlierMask() == null && past == 0;
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
    if (pass.documents.length > 0) {
      return documents(q, k, v, pass);
    }
    Tensor keys = k;
    Tensor values = v;
    if (pass.cache != null) {
      KeyValueCache.KeysValues all = pass.cache.append(layer, k, v);
      keys = all.keys(); // [B, S, K, d]
      values = all.values();
    }
    Tensor mask = window ? pass.windowMask : pass.mask;
    return attend(q, keys, values, mask, mask == null && pass.length > 1, pass.blind);
  }

  /** [B, T, H, d] and [B, S, K, d] to [B, T, H·d]. */
  private Tensor attend(
      Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, boolean causal, boolean blind) {
    double p = dropout.rate();
    return cap > 0 || blind
        ? Ops.groupedAttentionInSteps(q, k, v, mask, causal, p, scale, cap)
        : Ops.groupedAttention(q, k, v, mask, causal, p, scale);
  }

  /** Each document's attention by itself, which costs no more than it needs: [1, T, H·d]. */
  private Tensor documents(Tensor q, Tensor k, Tensor v, Pass pass) {
    List<Tensor> queries = q.split(1, pass.documents); // [1, t, H, d] each
    List<Tensor> keys = k.split(1, pass.documents);
    List<Tensor> values = v.split(1, pass.documents);
    List<Tensor> contexts = new ArrayList<>();
    for (int i = 0; i < pass.documents.length; i++) {
      int t = pass.documents[i];
      Tensor near = window ? pass.windowMask : null;
      Tensor mask = near == null ? null : near.narrow(2, 0, t).narrow(3, 0, t);
      boolean causal = mask == null && t > 1;
      contexts.add(attend(queries.get(i), keys.get(i), values.get(i), mask, causal, false));
    }
    return Tensor.cat(contexts, 1);
  }
}
