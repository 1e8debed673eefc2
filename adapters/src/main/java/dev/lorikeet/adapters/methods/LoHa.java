package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * LoHa: the update is the elementwise product of two low-rank matrices, whose rank is up to r²
 * (Hyeon-Woo et al. 2022, FedPara, arXiv:2108.06098, §2.2).
 *
 * @param common rank, α, dropout and targets
 */
public record LoHa(
    Lycoris common,
    @Setting("Start as the unchanged model, and not at random.") boolean initWeights)
    implements Lycoris.Config {

  /** LoHa as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "LOHA";
    }

    @Override
    public LoHa read(ObjectNode json) {
      Settings settings = new Settings(json);
      return new LoHa(Lycoris.read(settings), settings.flag("init_weights", true));
    }
  }

  @Override
  public String peftType() {
    return "LOHA";
  }

  @Override
  public LoHa with(Targets targets, List<String> modulesToSave) {
    return new LoHa(common.with(targets, modulesToSave), initWeights);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    common.write(json);
    json.put("init_weights", initWeights);
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    int r = common.rank(base.path());
    return new Layer(
        common,
        base,
        Lycoris.factor(base, "hada_w1_a", base.out(), r, false, owner),
        Lycoris.factor(base, "hada_w1_b", r, base.in(), false, owner),
        Lycoris.factor(base, "hada_w2_a", base.out(), r, false, owner),
        Lycoris.factor(base, "hada_w2_b", r, base.in(), initWeights, owner));
  }

  /**
   * ΔW = α/r · (A₁ B₁) ⊙ (A₂ B₂).
   *
   * @param a1 A₁ [out, r]
   * @param b1 B₁ [r, in]
   * @param a2 A₂ [out, r]
   * @param b2 B₂ [r, in]
   */
  private record Layer(
      Lycoris common, Linear base, Parameter a1, Parameter b1, Parameter a2, Parameter b2)
      implements AdapterLayer {
    private Tensor update() {
      Tensor first = a1.value().matmul(b1.value()); // [out, in]
      Tensor second = a2.value().matmul(b2.value());
      return first.mul(second).mul(common.scaling(base.path()));
    }

    @Override
    public Tensor forward(Tensor x) {
      return base.forward(x).add(added(x));
    }

    @Override
    public boolean adds() {
      return true;
    }

    @Override
    public Tensor added(Tensor x) {
      return common.added(base, x, true, this::update);
    }

    @Override
    public Tensor mergedWeight() {
      return base.matrix(DType.FLOAT32).add(update());
    }

    @Override
    public Map<String, Parameter> parameters() {
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      parameters.put("hada_w1_a", a1);
      parameters.put("hada_w1_b", b1);
      parameters.put("hada_w2_a", a2);
      parameters.put("hada_w2_b", b2);
      return parameters;
    }
  }
}
