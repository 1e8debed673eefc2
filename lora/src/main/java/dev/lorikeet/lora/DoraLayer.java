package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;

/**
 * y = x W′ᵀ + b, W′ = m · V / ‖V‖, V = W + s·BA: the direction of each output's weights is updated
 * by LoRA, their length m by itself. ‖V‖ is over the inputs of each output, and gradients take it
 * for a constant (Liu et al. 2024, arXiv:2402.09353, §4.1 and §4.3).
 *
 * @param base W [out, in] and b [out]
 * @param update A [r, in], B [out, r] and s
 * @param magnitude m [out]
 * @param dropout of the input; as PEFT has it, x W ᵀ itself is not dropped
 */
record DoraLayer(Linear base, Update update, Parameter magnitude, Dropout dropout)
    implements AdapterLayer {
  /** Added to a norm, so that weights of 0 stay 0. */
  private static final double TINY = Float.MIN_NORMAL;

  /** A layer that starts with the lengths that V has. */
  static DoraLayer of(Linear base, Update update, Dropout dropout, Scope owner) {
    String name = base.path() + ".lora_magnitude_vector";
    Parameter magnitude = new Parameter(name, update.added(base).norm(1), owner);
    return new DoraLayer(base, update, magnitude, dropout);
  }

  @Override
  public Tensor forward(Tensor x) {
    Mode mode = base.mode();
    Tensor v = update.folded(base);
    Tensor factor = factor(magnitude.value(), v.norm(1)).to(mode.dtype()); // m / ‖V‖
    if (mode.tape() != null && dropout.rate() == 0) {
      return folded(x, v, factor, mode.tape());
    }
    Tensor dropped = dropout.forward(x);
    Tensor y = Ops.linear(dropped, base.matrix(mode.dtype()), null);
    Tensor grown = update.apply(dropped, dropped).mul(factor);
    return base.forward(x).add(y.mul(factor.add(-1))).add(grown, update.scaling());
  }

  /** With one product: gradients of A and B by rule, that of m by autograd. */
  private Tensor folded(Tensor x, Tensor v, Tensor factor, Tape tape) {
    Tensor y = tape.linear(x, v, null, update.trained(), update::gradients);
    Tensor bias = base.biasValue();
    return bias == null ? y.mul(factor) : y.mul(factor).add(bias);
  }

  /** m / norm. */
  static Tensor factor(Tensor magnitude, Tensor norm) {
    return magnitude.div(norm.add(TINY));
  }

  @Override
  public Tensor mergedWeight() {
    Tensor v = update.added(base);
    return v.mul(factor(magnitude.value(DType.FLOAT32), v.norm(1)).unsqueeze(1));
  }

  @Override
  public Map<String, Parameter> parameters() {
    Map<String, Parameter> parameters = update.parameters();
    parameters.put("lora_magnitude_vector", magnitude);
    return parameters;
  }

  @Override
  public Map<String, Tensor> saved() {
    return update.saved();
  }

  @Override
  public List<Parameter> constants() {
    return update.constants();
  }
}
