package dev.lorikeet.lora;

import dev.lorikeet.adapters.LowRank;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * ΔW = s·BA, the trained update of a weight; or s·(BA − B₀A₀), where what A and B started with was
 * taken out of the weight.
 *
 * @param a A [r, in]
 * @param b B [out, r]
 * @param scaling s
 * @param start A₀ and B₀, frozen; null for zero
 */
record Update(Parameter a, Parameter b, double scaling, @Nullable Taken start) {
  /** What was taken out of the weight, without s. */
  record Taken(Parameter a, Parameter b) {}

  /** An update of a linear layer as {@code init} starts it. */
  static Update of(Linear base, int rank, double scaling, LoraInit init, Scope owner) {
    LoraInit.Start start = init.start(base, rank, scaling);
    Tensor a = start.a().to(base.mode().device());
    Tensor b = start.b().to(base.mode().device());
    Taken taken =
        init.changesBase()
            ? new Taken(
                new Parameter(base.path() + ".start_A", a.copy(), owner),
                new Parameter(base.path() + ".start_B", b.copy(), owner))
            : null;
    return new Update(
        new Parameter(base.path() + ".lora_A.weight", a, owner),
        new Parameter(base.path() + ".lora_B.weight", b, owner),
        scaling,
        taken);
  }

  /**
   * dropped Aᵀ Bᵀ − x A₀ᵀ B₀ᵀ, the update's share of the output without s.
   *
   * @param dropped [..., in], x with dropout
   */
  Tensor apply(Tensor dropped, Tensor x) {
    Tensor y = product(dropped, a, b);
    return start == null ? y : y.sub(product(x, start.a, start.b));
  }

  /** The update as a term of its own; of one without a start. */
  LowRank lowRank() {
    return new LowRank(a, b, scaling);
  }

  private static Tensor product(Tensor x, Parameter a, Parameter b) {
    Tensor narrow = Ops.linear(x, a.value(x.dtype()), null); // [..., r]
    return Ops.linear(narrow, b.value(x.dtype()), null); // [..., out]
  }

  /** W + ΔW [out, in] in the computing type. Not recorded for gradients. */
  Tensor folded(Linear base) {
    Mode mode = base.mode();
    return mode.weight(this, () -> foldedInto(base.matrix(mode.dtype())));
  }

  private Tensor foldedInto(Tensor weight) {
    try (GradMode off = GradMode.disabled()) {
      return Ops.loraWeight(weight, wideA(), wideB(), scaling);
    }
  }

  /** dA and dB of y = x (W + ΔW)ᵀ. */
  Map<Parameter, Tensor> gradients(Tensor x, Tensor dy) {
    List<Tensor> gradients = Ops.loraGradients(x, dy, a.value(), b.value(), scaling);
    return Map.of(a, gradients.get(0), b, gradients.get(1));
  }

  Set<Parameter> trained() {
    return Set.of(a, b);
  }

  /** [A; A₀], with which {@link #wideB} makes ΔW in one product. */
  private Tensor wideA() {
    return start == null ? a.value() : Tensor.cat(List.of(a.value(), start.a.value()), 0);
  }

  /** [B, −B₀]. */
  private Tensor wideB() {
    return start == null ? b.value() : Tensor.cat(List.of(b.value(), start.b.value().mul(-1)), 1);
  }

  /** The parameters by their names in files. */
  Map<String, Parameter> parameters() {
    Map<String, Parameter> parameters = new LinkedHashMap<>();
    parameters.put("lora_A.weight", a);
    parameters.put("lora_B.weight", b);
    return parameters;
  }

  /** What files hold for A and B: of an ordinary update of twice the rank, after a start. */
  Map<String, Tensor> saved() {
    if (start == null) {
      return Map.of();
    }
    try (GradMode off = GradMode.disabled()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("lora_A.weight", wideA());
      tensors.put("lora_B.weight", wideB());
      return tensors;
    }
  }

  List<Parameter> constants() {
    return start == null ? List.of() : List.of(start.a, start.b);
  }

  /** W + ΔW [out, in] in float32. */
  Tensor added(Linear base) {
    return foldedInto(base.matrix(DType.FLOAT32));
  }
}
