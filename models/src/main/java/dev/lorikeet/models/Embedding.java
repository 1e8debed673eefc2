package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;

/**
 * The rows of a table.
 *
 * @param weight [V, D]
 */
public record Embedding(Parameter weight, Mode mode) {
  /**
   * The rows at {@code ids}.
   *
   * @param ids int64, any shape
   * @return [shape of ids, D]
   */
  public Tensor forward(Tensor ids) {
    return Ops.embedding(weight.value(), ids).to(mode.dtype());
  }
}
