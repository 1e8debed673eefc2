package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * (x − mean) / √(variance + eps) · weight + bias over the last axis (Ba et al. 2016,
 * arXiv:1607.06450).
 *
 * @param weight [D]
 * @param bias [D], or null
 */
public record LayerNorm(Parameter weight, @Nullable Parameter bias, double eps, Mode mode) {
  public Tensor forward(Tensor x) {
    return Ops.layerNorm(x, weightValue(), biasValue(), eps);
  }

  /** The weight in the computing type. */
  Tensor weightValue() {
    return weight.value(mode.dtype());
  }

  /** The bias in the computing type, or null. */
  @Nullable Tensor biasValue() {
    return bias == null ? null : bias.value(mode.dtype());
  }
}
