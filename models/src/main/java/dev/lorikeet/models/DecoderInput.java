package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.List;

/** What an encoder-decoder's decoder reads while it learns an answer: the answer one token late. */
public final class DecoderInput {
  private static final int NO_LABEL = -100;

  private DecoderInput() {}

  /**
   * The labels shifted by one to the right, behind {@link #start}; those that do not count become
   * {@code pad_token_id}. What comes last is only predicted, never read.
   *
   * @param labels [B, U], int64, −100 where none counts
   * @return [B, U], int64
   */
  public static Tensor of(Tensor labels, ModelConfig config) {
    Device device = labels.device();
    Tensor first = Tensor.full(start(config), DType.INT64, device, labels.size(0), 1);
    Tensor shifted = Tensor.cat(List.of(first, labels.narrow(1, 0, labels.size(1) - 1)), 1);
    Tensor pad = Tensor.full(pad(config), DType.INT64, device);
    return Ops.where(shifted.eq(NO_LABEL), pad, shifted);
  }

  /** The token that every answer starts behind: {@code decoder_start_token_id}, else padding's. */
  public static int start(ModelConfig config) {
    return config.integer("decoder_start_token_id", pad(config));
  }

  private static int pad(ModelConfig config) {
    return config.integer("pad_token_id", 0);
  }
}
