package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * x / √(mean x² + eps) · (offset + weight) over the last axis (Zhang and Sennrich 2019,
 * arXiv:1910.07467).
 *
 * @param weight [D]
 * @param offset 0, or 1 where the checkpoint keeps the weight's distance from one
 */
public record RmsNorm(Parameter weight, double eps, double offset, Mode mode) {
  public Tensor forward(Tensor x) {
    return ByHand.rmsNorm(x, weight.value(mode.dtype()), eps, offset, mode);
  }
}
