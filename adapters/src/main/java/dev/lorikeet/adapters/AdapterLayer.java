package dev.lorikeet.adapters;

import dev.lorikeet.models.Projection;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/** A linear layer with an adapter around it. {@code forward} and {@code merged} are one formula. */
public interface AdapterLayer extends Projection, Adapted {
  /**
   * The weight that gives the same output without the adapter, up to rounding.
   *
   * @return [out, in], float32
   */
  Tensor mergedWeight();

  /**
   * The bias that goes with {@link #mergedWeight}.
   *
   * @return [out], float32; null where the adapter leaves the bias as it is
   */
  default @Nullable Tensor mergedBias() {
    return null;
  }
}
