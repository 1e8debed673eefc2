package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * The classes of a text by a decoder: a linear map, {@code score}, of its last token that is not
 * padding, the only one that has read all others. Padding may lie on either side.
 */
final class LastTokenHead {
  private final Projection score;

  LastTokenHead(Weights weights, long labels, long width) {
    score = weights.orNew("score").linear("score", labels, width, false);
  }

  /** [B, T, D] to [B, C]. */
  Tensor forward(Tensor hidden, ModelInput input) {
    Tensor mask = input.attentionMask();
    Tensor last =
        mask == null ? hidden.select(1, hidden.size(1) - 1) : pick(hidden, lastOne(mask)); // [B, D]
    return score.forward(last);
  }

  /** The place of the last 1 in each row of [B, T], int64. */
  private static Tensor lastOne(Tensor mask) {
    Tensor places = Tensor.arange(1, mask.size(1) + 1, mask.device());
    return mask.mul(places).argmax(1);
  }

  /** The vector at {@code places} [B] of each row of [B, T, D]. */
  private static Tensor pick(Tensor hidden, Tensor places) {
    Tensor all = Tensor.arange(0, hidden.size(1), hidden.device());
    Tensor chosen = all.unsqueeze(0).eq(places.unsqueeze(1)); // [B, T]
    return hidden.mul(chosen.unsqueeze(2).to(hidden.dtype())).sum(1, false);
  }
}
