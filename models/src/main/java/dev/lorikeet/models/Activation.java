package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** The activation functions, under the names that {@code hidden_act} gives them. */
final class Activation {
  private static final Map<String, UnaryOperator<Tensor>> BY_NAME =
      Map.of(
          "gelu", Ops::gelu,
          "gelu_new", Ops::geluTanh,
          "gelu_pytorch_tanh", Ops::geluTanh,
          "relu", Ops::relu,
          "silu", Ops::silu,
          "swish", Ops::silu,
          "tanh", Tensor::tanh);

  private Activation() {}

  /**
   * The function called {@code name}.
   *
   * @throws LorikeetException when there is none, listing those there are
   */
  static UnaryOperator<Tensor> of(String name) {
    UnaryOperator<Tensor> function = BY_NAME.get(name);
    if (function == null) {
      throw new LorikeetException(
          "unknown activation \""
              + name
              + "\"; supported: "
              + String.join(", ", new TreeSet<>(BY_NAME.keySet())));
    }
    return function;
  }
}
