package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * y = x Wᵀ + b + s · drop(x) Aᵀ Bᵀ: a frozen linear layer and a trained update of rank r (Hu et al.
 * 2021, arXiv:2106.09685, §4.1).
 *
 * @param base W [out, in] and b [out]
 * @param a A [r, in]
 * @param b B [out, r]
 * @param scaling s
 * @param dropout of the update's input
 */
record LoraLayer(Linear base, Parameter a, Parameter b, double scaling, Dropout dropout)
    implements AdapterLayer {

  @Override
  public Tensor forward(Tensor x) {
    Mode mode = base.mode();
    if (mode.tape() != null && dropout.rate() == 0) {
      return folded(x, mode.tape());
    }
    Tensor narrow = Ops.linear(dropout.forward(x), a.value(mode.dtype()), null); // [..., r]
    Tensor update = Ops.linear(narrow, b.value(mode.dtype()), null); // [..., out]
    return base.forward(x).add(update, scaling);
  }

  /** The same in one product, x (W + s·BA)ᵀ + b: possible where the update's input is x itself. */
  private Tensor folded(Tensor x, Tape tape) {
    Tensor weight = Ops.loraWeight(base.matrix(base.mode().dtype()), a.value(), b.value(), scaling);
    Tensor y = Ops.linear(x, weight, base.biasValue());
    return tape.record(x, y, Set.of(a, b), this::gradients);
  }

  private Map<Parameter, Tensor> gradients(Tensor x, Tensor dy) {
    List<Tensor> gradients = Ops.loraGradients(x, dy, a.value(), b.value(), scaling);
    return Map.of(a, gradients.get(0), b, gradients.get(1));
  }

  @Override
  public Tensor mergedWeight() {
    Tensor update = b.value(DType.FLOAT32).matmul(a.value(DType.FLOAT32)); // [out, in]
    return base.matrix(DType.FLOAT32).add(update, scaling);
  }

  @Override
  public Map<String, Parameter> parameters() {
    // Sorted: Map.of has another order in every process, and sums over parameters would round anew.
    return new TreeMap<>(Map.of("lora_A.weight", a, "lora_B.weight", b));
  }
}
