package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.DecoderInput;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;

/** Batches as tensors. */
public final class Inputs {
  private Inputs() {}

  /**
   * A batch in the host's memory, padded behind; a mask only where something is padding, types only
   * where one is 1.
   */
  static ModelInput of(Batch batch) {
    return new ModelInput(
            tensor(batch, batch.inputIds()),
            batch.tokens() == batch.rows() * batch.length()
                ? null
                : tensor(batch, batch.attentionMask()),
            Arrays.stream(batch.tokenTypeIds()).allMatch(type -> type == 0)
                ? null
                : tensor(batch, batch.tokenTypeIds()))
        .withPaddingBehind();
  }

  /** A batch for a model; an encoder-decoder's also tells what the decoder reads. */
  public static ModelInput of(Batch batch, Model model) {
    if (!batch.images().isEmpty()) {
      return ModelInput.ofImages(batch.pixelValues());
    }
    ModelInput input = of(batch);
    if (batch.documents().length > 0) {
      return input.withDocuments(batch.documents());
    }
    return model.isEncoderDecoder()
        ? input.withDecoderInputIds(
            DecoderInput.of(
                Tensor.of(batch.classes(), batch.rows(), batch.labelLength()), model.config()))
        : input;
  }

  private static Tensor tensor(Batch batch, long[] values) {
    return Tensor.of(values, batch.rows(), batch.length());
  }
}
