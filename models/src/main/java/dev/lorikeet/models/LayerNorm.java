package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;

/**
 * (x − mean) / √(variance + eps) · weight + bias over the last axis (Ba et al. 2016,
 * arXiv:1607.06450).
 *
 * @param weight [D]
 * @param bias [D]
 */
public record LayerNorm(Parameter weight, Parameter bias, double eps, Mode mode) {
  public Tensor forward(Tensor x) {
    return Ops.layerNorm(x, weight.value(mode.dtype()), bias.value(mode.dtype()), eps);
  }
}
