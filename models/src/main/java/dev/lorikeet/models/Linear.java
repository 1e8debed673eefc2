package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * y = x Wᵀ + b.
 *
 * @param path where it is in the model, such as {@code bert.encoder.layer.0.attention.self.query}
 * @param weight W [out, in]
 * @param bias b [out], or null
 * @param mode the model's mode: computing type
 */
public record Linear(String path, Parameter weight, @Nullable Parameter bias, Mode mode)
    implements Projection {
  @Override
  public Tensor forward(Tensor x) {
    return Ops.linear(x, weight.value(mode.dtype()), biasValue());
  }

  /** b in the computing type, or null. */
  public @Nullable Tensor biasValue() {
    return bias == null ? null : bias.value(mode.dtype());
  }

  public long in() {
    return weight.value().size(1);
  }

  public long out() {
    return weight.value().size(0);
  }
}
