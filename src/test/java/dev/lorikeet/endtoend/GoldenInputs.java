package dev.lorikeet.endtoend;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.DecoderInput;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The recorded batch of a golden case, whole and row by row.
 *
 * @param folder of the case
 * @param expected its tensors
 */
record GoldenInputs(Path folder, Safetensors expected) {
  /** How many rows the batch has. */
  int rows() {
    return Math.toIntExact(labels().size(0));
  }

  /** The batch's labels. */
  Tensor labels() {
    return expected.tensor("inputs.labels");
  }

  /** The labels of one row, of its tokens alone where tokens have labels. */
  Tensor labels(int row) {
    Tensor labels = labels().narrow(0, row, 1);
    boolean ofTokens = labels.shape().length == 2 && labels.dtype() == DType.INT64;
    return ofTokens && labels.size(1) == mask(row).length ? tokens(labels, row) : labels;
  }

  /** One row of the batch alone, without padding. */
  ModelInput row(int row) {
    if (expected.names().contains("inputs.pixel_values")) {
      return ModelInput.ofImages(expected.tensor("inputs.pixel_values").narrow(0, row, 1));
    }
    Tensor types = optional("inputs.token_type_ids");
    return withAnswer(
        new ModelInput(
            tokens(expected.tensor("inputs.input_ids").narrow(0, row, 1), row),
            null,
            types == null ? null : tokens(types.narrow(0, row, 1), row)),
        labels(row));
  }

  /** Whether some rows of labelled tokens start with padding. */
  boolean isPaddedOnTheLeft() {
    Tensor mask = optional("inputs.attention_mask");
    boolean ofTokens = labels().shape().length == 2;
    return ofTokens && mask != null && mask.select(1, 0).eq(0).to(DType.FLOAT32).sum().item() > 0;
  }

  /** Whether what a model computes for a row depends on the batch's longest one. */
  boolean scalesByLength() {
    JsonNode config = ModelConfig.read(folder).json();
    return config.findValuesAsText("rope_type").contains("dynamic");
  }

  private long[] mask(int row) {
    return expected.tensor("inputs.attention_mask").select(0, row).toLongs();
  }

  /** What is not padding of [1, T]; padding is on one side. */
  private Tensor tokens(Tensor values, int row) {
    long[] mask = mask(row);
    long count = Arrays.stream(mask).sum();
    return values.narrow(1, mask[0] == 1 ? 0 : mask.length - count, count);
  }

  /** The whole batch. */
  ModelInput batch() {
    if (expected.names().contains("inputs.pixel_values")) {
      return ModelInput.ofImages(expected.tensor("inputs.pixel_values"));
    }
    return withAnswer(
        new ModelInput(
            expected.tensor("inputs.input_ids"),
            optional("inputs.attention_mask"),
            optional("inputs.token_type_ids")),
        labels());
  }

  /** With the labels as what a decoder reads, where there is one beside the encoder. */
  private ModelInput withAnswer(ModelInput input, Tensor labels) {
    ModelConfig config = ModelConfig.read(folder);
    return HeadType.SEQ_2_SEQ_LM.equals(config.headType())
        ? input.withDecoderInputIds(DecoderInput.of(labels, config))
        : input;
  }

  private @Nullable Tensor optional(String name) {
    return expected.names().contains(name) ? expected.tensor(name) : null;
  }
}
