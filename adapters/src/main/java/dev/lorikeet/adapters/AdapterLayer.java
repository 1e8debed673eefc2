package dev.lorikeet.adapters;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Projection;
import dev.lorikeet.torch.Tensor;
import java.util.Map;

/** A linear layer with an adapter around it. {@code forward} and {@code merged} are one formula. */
public interface AdapterLayer extends Projection {
  /** The trainable parameters by their names in adapter files, such as {@code lora_A.weight}. */
  Map<String, Parameter> parameters();

  /**
   * The weight that gives the same output without the adapter, up to rounding.
   *
   * @return [out, in], float32
   */
  Tensor mergedWeight();
}
