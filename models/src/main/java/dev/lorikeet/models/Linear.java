package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * y = x Wᵀ + b.
 *
 * @param path where it is in the model, such as {@code bert.encoder.layer.0.attention.self.query}
 * @param weight W [out, in], or Wᵀ
 * @param bias b [out], or null
 * @param transposed whether the weight is stored as Wᵀ [in, out], as GPT-2's Conv1D is
 * @param mode the model's mode: computing type
 */
public record Linear(
    String path, Parameter weight, @Nullable Parameter bias, boolean transposed, Mode mode)
    implements Projection {
  @Override
  public Tensor forward(Tensor x) {
    return Ops.linear(x, matrix(mode.dtype()), biasValue());
  }

  /** W [out, in] in a type; a view where the weight is stored so. */
  public Tensor matrix(DType dtype) {
    return orient(weight.value(dtype));
  }

  /** W of a weight as it is stored, and a weight as it is stored of W. */
  public Tensor orient(Tensor stored) {
    return transposed ? stored.transpose(0, 1) : stored;
  }

  /** b in the computing type, or null. */
  public @Nullable Tensor biasValue() {
    return bias == null ? null : bias.value(mode.dtype());
  }

  public long in() {
    return weight.value().size(transposed ? 0 : 1);
  }

  public long out() {
    return weight.value().size(transposed ? 1 : 0);
  }
}
