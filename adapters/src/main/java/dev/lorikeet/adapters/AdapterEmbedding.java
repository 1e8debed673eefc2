package dev.lorikeet.adapters;

import dev.lorikeet.models.Lookup;
import dev.lorikeet.torch.Tensor;

/** An embedding table with an adapter around it. */
public interface AdapterEmbedding extends Lookup, Adapted {
  /**
   * The table that gives the same vectors without the adapter, up to rounding.
   *
   * @return [V, D], float32
   */
  Tensor mergedTable();
}
