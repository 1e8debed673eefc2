package dev.lorikeet.lora;

import dev.lorikeet.torch.Tensor;
import java.util.Arrays;

/**
 * Weights as they come back from quantisation. With 2 and 4 bits each block of 64 is divided by its
 * largest magnitude and rounded to the quantiles of a normal distribution (NF4: Dettmers et al.
 * 2023, arXiv:2305.14314, §3; NF2: Li et al. 2023, arXiv:2310.08659, §3); with 8 each row to 127ths
 * of its largest magnitude.
 */
final class Quantized {
  private static final int BLOCK = 64;
  private static final float LARGEST_BYTE = 127;

  private static final float[] NF2 = {-1, 0, 0.33791524f, 1};

  private static final float[] NF4 = {
    -1,
    -0.6961928f,
    -0.52507305f,
    -0.3949175f,
    -0.28444138f,
    -0.18477343f,
    -0.09105004f,
    0,
    0.0795803f,
    0.1609302f,
    0.2461123f,
    0.33791524f,
    0.44070983f,
    0.562617f,
    0.72295684f,
    1
  };

  private Quantized() {}

  /**
   * What {@code bits} leave of a matrix.
   *
   * @param w [out, in]
   * @param bits 2, 4 or 8
   * @return [out, in], float32
   */
  static Tensor of(Tensor w, int bits) {
    float[] values = w.toFloats();
    int block = bits == 8 ? Math.toIntExact(w.size(1)) : BLOCK;
    for (int start = 0; start < values.length; start += block) {
      int end = Math.min(values.length, start + block);
      float largest = largest(values, start, end);
      for (int i = start; i < end && largest > 0; i++) {
        float share = values[i] / largest;
        values[i] = largest * (bits == 8 ? rounded(share) : nearest(share, levels(bits)));
      }
    }
    return Tensor.of(values, w.shape()).to(w.device());
  }

  private static float[] levels(int bits) {
    return bits == 2 ? NF2 : NF4;
  }

  private static float largest(float[] values, int start, int end) {
    float largest = 0;
    for (int i = start; i < end; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  private static float rounded(float share) {
    return (float) Math.rint(share * LARGEST_BYTE) / LARGEST_BYTE;
  }

  private static float nearest(float share, float[] levels) {
    int found = Arrays.binarySearch(levels, share);
    int above = found >= 0 ? found : Math.min(-found - 1, levels.length - 1);
    int below = Math.max(0, above - 1);
    return share - levels[below] <= levels[above] - share ? levels[below] : levels[above];
  }
}
