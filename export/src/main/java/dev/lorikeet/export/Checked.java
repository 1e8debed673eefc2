package dev.lorikeet.export;

import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A batch of token sequences with what the trained model answers to it, B rows of T tokens.
 *
 * @param rows B
 * @param length T
 * @param inputIds [B, T] in row-major order
 * @param attentionMask [B, T], 1 for tokens and 0 for padding
 * @param tokenTypeIds [B, T], 0 for the first text and 1 for the second
 * @param expectedLogits [B, C] for sequences, [B, T, C] for tokens, in row-major order
 */
@SuppressWarnings("ArrayRecordComponent") // batches are never compared
public record Checked(
    int rows,
    int length,
    long[] inputIds,
    long[] attentionMask,
    long[] tokenTypeIds,
    float[] expectedLogits) {

  /** Checks that the three inputs have {@code rows} · {@code length} elements each. */
  public Checked {
    long tokens = (long) rows * length;
    if (inputIds.length != tokens
        || attentionMask.length != tokens
        || tokenTypeIds.length != tokens) {
      throw new IllegalArgumentException(
          inputIds.length
              + ", "
              + attentionMask.length
              + " and "
              + tokenTypeIds.length
              + " elements for "
              + rows
              + " rows of "
              + length);
    }
  }

  /**
   * A batch as the trained model took it.
   *
   * @param input without a mask, nothing is padding; without token types, all are 0
   * @param logits what the model answered, of any floating-point type
   */
  public static Checked of(ModelInput input, Tensor logits) {
    int rows = Math.toIntExact(input.inputIds().size(0));
    int length = Math.toIntExact(input.inputIds().size(1));
    return new Checked(
        rows,
        length,
        input.inputIds().toLongs(),
        longs(input.attentionMask(), 1, rows * length),
        longs(input.tokenTypeIds(), 0, rows * length),
        logits.toFloats());
  }

  private static long[] longs(@Nullable Tensor tensor, long otherwise, int count) {
    if (tensor != null) {
      return tensor.toLongs();
    }
    long[] values = new long[count];
    Arrays.fill(values, otherwise);
    return values;
  }
}
