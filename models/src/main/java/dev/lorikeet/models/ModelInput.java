package dev.lorikeet.models;

import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A batch of token sequences.
 *
 * @param inputIds [B, T], int64
 * @param attentionMask [B, T], int64, 1 for tokens and 0 for padding; null when nothing is padding
 * @param tokenTypeIds [B, T], int64, 0 for the first text and 1 for the second; null when all are 0
 */
public record ModelInput(
    Tensor inputIds, @Nullable Tensor attentionMask, @Nullable Tensor tokenTypeIds) {

  /** The batch in a device's memory. */
  public ModelInput to(Device device) {
    return new ModelInput(
        inputIds.to(device),
        attentionMask == null ? null : attentionMask.to(device),
        tokenTypeIds == null ? null : tokenTypeIds.to(device));
  }
}
