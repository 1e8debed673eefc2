package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * A map of the last axis, [..., in] to [..., out]. Architectures compute with projections and never
 * know what answers: a plain {@link Linear}, or one that an adapter has wrapped.
 */
public interface Projection {
  /**
   * The projected vectors.
   *
   * @param x [..., in]
   * @return [..., out]
   */
  Tensor forward(Tensor x);
}
