package dev.lorikeet.training;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;

/** The plainest adapter: y = x Wᵀ + b + x Dᵀ, with all of D trained from zero. */
public record DeltaAdapter(Targets targets, List<String> modulesToSave) implements AdapterConfig {
  private record Layer(Linear base, Parameter delta) implements AdapterLayer {
    @Override
    public Tensor forward(Tensor x) {
      return base.forward(x).add(Ops.linear(x, delta.value(x.dtype()), null));
    }

    @Override
    public Tensor mergedWeight() {
      return base.weight().original().add(delta.value());
    }

    @Override
    public Map<String, Parameter> parameters() {
      return Map.of("delta.weight", delta);
    }
  }

  public static DeltaAdapter on(String... targets) {
    return new DeltaAdapter(Targets.of(targets), List.of());
  }

  @Override
  public String peftType() {
    return "DELTA";
  }

  @Override
  public DeltaAdapter with(Targets newTargets, List<String> newModulesToSave) {
    return new DeltaAdapter(newTargets, newModulesToSave);
  }

  @Override
  public Bias bias() {
    return Bias.NONE;
  }

  @Override
  public ObjectNode json() {
    return JsonNodeFactory.instance.objectNode();
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    Tensor zero = base.weight().original().mul(0);
    return new Layer(base, new Parameter(base.path() + ".delta.weight", zero, owner));
  }

  @Override
  public void mustMatch(List<String> adaptedPaths) {}
}
