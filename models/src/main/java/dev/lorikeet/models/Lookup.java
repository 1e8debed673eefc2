package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/** A map of ids to vectors: a table's rows, or what an adapter makes of them. */
public interface Lookup {
  /**
   * The vectors of ids.
   *
   * @param ids int64, any shape
   * @return [shape of ids, D]
   */
  Tensor forward(Tensor ids);
}
