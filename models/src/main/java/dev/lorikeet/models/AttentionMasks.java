package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What is added to attention scores: 0 where a token may look, the lowest finite number where not.
 * A finite number, since the softmax of a row that may look nowhere, such as one of padding, would
 * be NaN.
 */
final class AttentionMasks {
  private AttentionMasks() {}

  /**
   * Hides padding.
   *
   * @param attentionMask [B, S], 1 for tokens and 0 for padding; null when nothing is padding
   * @return [B, 1, 1, S] in {@code dtype}; null when nothing is hidden
   */
  static @Nullable Tensor padding(@Nullable Tensor attentionMask, DType dtype) {
    return attentionMask == null
        ? null
        : Scope.tidy(() -> scores(attentionMask.unsqueeze(1).unsqueeze(1).gt(0), dtype));
  }

  /**
   * Hides padding and what comes later.
   *
   * @param length T, the tokens that look; they are the last of S, which they and {@code past} ones
   *     before them are
   * @param window how many tokens, itself included, a token can see; null for all before it
   * @return [B, 1, T, S] or [1, 1, T, S] in {@code dtype}; null when nothing is hidden
   */
  static @Nullable Tensor causal(
      ModelInput input, long past, long length, @Nullable Integer window, DType dtype) {
    long all = past + length;
    boolean windowed = window != null && window < all;
    Tensor padding = input.earlierMask();
    if (padding == null && length == 1 && !windowed) {
      return null;
    }
    return Scope.tidy(
        () -> {
          var device = input.inputIds().device();
          Tensor row = Tensor.arange(past, all, device).unsqueeze(1); // [T, 1]
          Tensor column = Tensor.arange(0, all, device); // [S]
          Tensor distance = row.sub(column); // [T, S]
          Tensor visible = distance.gt(-1);
          if (windowed && window != null) {
            visible = visible.mul(distance.mul(-1).gt(-window));
          }
          visible = visible.unsqueeze(0).unsqueeze(0);
          if (padding != null) {
            visible = visible.mul(padding.gt(0).unsqueeze(1).unsqueeze(1));
          }
          return scores(visible, dtype);
        });
  }

  /**
   * Hides padding and what is further than {@code reach} tokens away on either side.
   *
   * @param length T
   * @return [B, 1, T, T] or [1, 1, T, T] in {@code dtype}, or what {@link #padding} answers where
   *     all is near
   */
  static @Nullable Tensor near(ModelInput input, long length, int reach, DType dtype) {
    if (length <= reach + 1) {
      return padding(input.attentionMask(), dtype);
    }
    return Scope.tidy(
        () -> {
          Tensor place = Tensor.arange(0, length, input.inputIds().device());
          Tensor distance = place.unsqueeze(1).sub(place).abs(); // [T, T]
          Tensor visible = distance.mul(-1).gt(-reach - 0.5).unsqueeze(0).unsqueeze(0);
          if (input.attentionMask() != null) {
            visible = visible.mul(input.attentionMask().gt(0).unsqueeze(1).unsqueeze(1));
          }
          return scores(visible, dtype);
        });
  }

  /** 0 where {@code visible}, the lowest finite number elsewhere. */
  static Tensor scores(Tensor visible, DType dtype) {
    var device = visible.device();
    return Ops.where(
        visible, Tensor.zeros(dtype, device), Tensor.full(dtype.lowest(), dtype, device));
  }
}
