package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * y = x Wᵀ + b + s · drop(x) (E ⊙ A)ᵀ Bᵀ: the rows of A and columns of B are nearly orthonormal, E
 * are their singular values, 0 where they were taken away.
 *
 * @param a A [r, in]
 * @param e E [r, 1]
 * @param b B [out, r]
 * @param scaling s
 */
record AdaLoraLayer(
    Linear base,
    Parameter a,
    Parameter e,
    Parameter b,
    double scaling,
    Dropout dropout,
    RankAllocator allocator)
    implements AdapterLayer {
  @Override
  public Tensor forward(Tensor x) {
    Mode mode = base.mode();
    if (rank() == 0) {
      return base.forward(x);
    }
    if (mode.tape() != null && dropout.rate() == 0) {
      return folded(x, mode.tape());
    }
    Tensor narrow = Ops.linear(dropout.forward(x), scaledA().to(x.dtype()), null); // [..., r]
    return base.forward(x).add(Ops.linear(narrow, b.value(x.dtype()), null), scaling);
  }

  /** The same in one product, x (W + s·B(E ⊙ A))ᵀ + b, where the update's input is x itself. */
  private Tensor folded(Tensor x, Tape tape) {
    Mode mode = base.mode();
    Tensor weight = mode.weight(this, () -> withUpdate(base.matrix(mode.dtype())));
    return tape.linear(x, weight, base.biasValue(), Set.of(a, e, b), this::gradients);
  }

  private Map<Parameter, Tensor> gradients(Tensor x, Tensor dy) {
    List<Tensor> ofProduct = Ops.loraGradients(x, dy, scaledA(), b.value(), scaling);
    Tensor da = ofProduct.get(0); // of E ⊙ A
    return Map.of(a, da.mul(e.value()), e, da.mul(a.value()).sum(1, true), b, ofProduct.get(1));
  }

  private Tensor scaledA() {
    return a.value().mul(e.value());
  }

  /** W + s·B(E ⊙ A) in the type of W. Not recorded for gradients. */
  private Tensor withUpdate(Tensor weight) {
    try (GradMode off = GradMode.disabled()) {
      return Ops.loraWeight(weight, scaledA(), b.value(), scaling);
    }
  }

  private long rank() {
    return e.original().size(0);
  }

  @Override
  public Tensor mergedWeight() {
    Tensor w = base.matrix(DType.FLOAT32);
    return rank() == 0 ? w : withUpdate(w);
  }

  @Override
  public Map<String, Parameter> parameters() {
    Map<String, Parameter> parameters = new LinkedHashMap<>();
    parameters.put("lora_A", a);
    parameters.put("lora_E", e);
    parameters.put("lora_B", b);
    return parameters;
  }

  /**
   * Which ranks files need: all but those whose singular value is 0. Before training all are, and
   * are needed.
   */
  List<Boolean> left() {
    List<Boolean> left = new ArrayList<>();
    boolean fresh = allocator.isFresh();
    for (float value : e.original().toFloats()) {
      left.add(fresh || value != 0);
    }
    return left;
  }

  @Override
  public Map<String, Tensor> saved() {
    List<Boolean> left = left();
    if (!left.contains(false)) {
      return Map.of();
    }
    long[] kept = IntStream.range(0, left.size()).filter(left::get).asLongStream().toArray();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("lora_A", kept(a, 0, kept));
    tensors.put("lora_E", kept(e, 0, kept));
    tensors.put("lora_B", kept(b, 1, kept));
    return tensors;
  }

  private static Tensor kept(Parameter parameter, int axis, long[] ranks) {
    Tensor all = parameter.original().detach();
    return ranks.length == 0
        ? all.narrow(axis, 0, 0)
        : all.index(axis, Tensor.of(ranks, ranks.length).to(all.device()));
  }
}
