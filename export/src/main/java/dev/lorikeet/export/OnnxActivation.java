package dev.lorikeet.export;

import dev.lorikeet.export.OnnxGraph.Value;
import dev.lorikeet.torch.LorikeetException;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.BiFunction;

/**
 * The activation functions, under the names that {@code hidden_act} gives them, in the operators
 * that ONNX Runtime recognises and runs as one.
 */
final class OnnxActivation {
  private static final Map<String, BiFunction<OnnxPart, Value, Value>> BY_NAME =
      Map.of(
          "gelu", OnnxActivation::gelu,
          "gelu_new", OnnxActivation::geluTanh,
          "gelu_pytorch_tanh", OnnxActivation::geluTanh,
          "relu", (part, x) -> part.node("Relu", x),
          "silu", OnnxActivation::silu,
          "swish", OnnxActivation::silu,
          "tanh", (part, x) -> part.node("Tanh", x));

  private OnnxActivation() {}

  /**
   * The function called {@code name}, of the part that its nodes belong to and of its argument.
   *
   * @throws LorikeetException when there is none, listing those there are
   */
  static BiFunction<OnnxPart, Value, Value> of(String name) {
    BiFunction<OnnxPart, Value, Value> function = BY_NAME.get(name);
    if (function == null) {
      throw new LorikeetException(
          "activation \""
              + name
              + "\" cannot be exported to ONNX; supported: "
              + String.join(", ", new TreeSet<>(BY_NAME.keySet())));
    }
    return function;
  }

  /** x · (1 + erf(x / √2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415). */
  private static Value gelu(OnnxPart part, Value x) {
    Value erf = part.node("Erf", part.div(x, Math.sqrt(2)));
    return part.mul(part.mul(x, part.add(erf, 1)), 0.5);
  }

  /** x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). */
  private static Value geluTanh(OnnxPart part, Value x) {
    Value cube = part.node("Pow", x, part.graph().scalar(3));
    Value inner = part.mul(part.add(x, part.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
    return part.mul(part.mul(x, 0.5), part.add(part.node("Tanh", inner), 1));
  }

  /** x / (1 + e⁻ˣ). */
  private static Value silu(OnnxPart part, Value x) {
    return part.mul(x, part.node("Sigmoid", x));
  }
}
