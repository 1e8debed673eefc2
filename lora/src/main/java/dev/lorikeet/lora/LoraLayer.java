package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.LowRank;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * y = x Wᵀ + b + s · (drop(x) Aᵀ Bᵀ + β): a frozen linear layer and a trained update of rank r (Hu
 * et al. 2021, arXiv:2106.09685, §4.1).
 *
 * @param base W [out, in] and b [out]
 * @param update A [r, in], B [out, r] and s
 * @param bias β [out], or null for none
 * @param dropout of the update's input
 */
record LoraLayer(Linear base, Update update, @Nullable Parameter bias, Dropout dropout)
    implements AdapterLayer {

  @Override
  public Tensor forward(Tensor x) {
    Mode mode = base.mode();
    if (mode.tape() != null && dropout.rate() == 0) {
      return folded(x, mode.tape());
    }
    return base.forward(x).add(unscaled(x), update.scaling());
  }

  private Tensor unscaled(Tensor x) {
    Tensor y = update.apply(dropout.forward(x), x);
    return bias == null ? y : y.add(bias.value(base.mode().dtype()));
  }

  @Override
  public boolean adds() {
    return true;
  }

  @Override
  public Tensor added(Tensor x) {
    return unscaled(x).mul(update.scaling());
  }

  @Override
  public Optional<LowRank> lowRank() {
    boolean plain = dropout.rate() == 0 && bias == null && update.start() == null;
    return plain ? Optional.of(update.lowRank()) : Optional.empty();
  }

  /** The same in one product, x (W + s·BA)ᵀ + b: possible where the update's input is x itself. */
  private Tensor folded(Tensor x, Tape tape) {
    Tensor bias = foldedBias(base.mode().dtype());
    return tape.linear(x, update.folded(base), bias, update.trained(), update::gradients);
  }

  private @Nullable Tensor foldedBias(DType dtype) {
    if (bias == null) {
      return base.biasValue();
    }
    Tensor added = bias.value(dtype).mul(update.scaling());
    return base.bias() == null ? added : base.bias().value(dtype).add(added);
  }

  @Override
  public Tensor mergedWeight() {
    return update.added(base);
  }

  @Override
  public @Nullable Tensor mergedBias() {
    return bias == null ? null : foldedBias(DType.FLOAT32);
  }

  @Override
  public Map<String, Parameter> parameters() {
    Map<String, Parameter> parameters = update.parameters();
    if (bias != null) {
      parameters.put("lora_B.bias", bias);
    }
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
