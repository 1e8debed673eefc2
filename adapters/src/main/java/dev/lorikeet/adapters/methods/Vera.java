package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.LayerMaker;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * VeRA: all layers share one pair of frozen random matrices, and each trains two vectors that scale
 * them (Kopiczko et al. 2023, arXiv:2310.11454, §3.1).
 *
 * @param targets the layers to adapt
 */
public record Vera(
    @Setting("The rank.") int r,
    @Setting("The seed of the shared matrices.") long projectionPrngKey,
    @Setting("Whether files hold the shared matrices too.") boolean saveProjection,
    @Setting(value = "Dropout of the update's input.", key = "vera_dropout") double dropout,
    @Setting(value = "What d starts with.", key = "d_initial") double dInitial,
    Targets targets,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave,
    @Setting("Start as the unchanged model, and not at random.") boolean initWeights)
    implements AdapterConfig {

  public Vera {
    Settings.mustBeRank("r", r);
    Lycoris.mustBeProbability("vera_dropout", dropout);
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** VeRA as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "VERA";
    }

    @Override
    public Vera read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBe("bias", "none");
      settings.mustBeOff("exclude_modules"); // PEFT's VeRA has none
      return new Vera(
          settings.integer("r", 256),
          settings.longInteger("projection_prng_key", 0),
          settings.flag("save_projection", true),
          settings.number("vera_dropout", 0),
          settings.number("d_initial", 0.1),
          Targets.read(json),
          settings.modulesToSave(),
          settings.flag("init_weights", true));
    }
  }

  @Override
  public String peftType() {
    return "VERA";
  }

  @Override
  public Vera with(Targets newTargets, List<String> newModulesToSave) {
    return new Vera(
        r,
        projectionPrngKey,
        saveProjection,
        dropout,
        dInitial,
        newTargets,
        newModulesToSave,
        initWeights);
  }

  @Override
  public boolean savesShared() {
    return saveProjection;
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("r", r);
    json.put("projection_prng_key", projectionPrngKey);
    json.put("save_projection", saveProjection);
    json.put("vera_dropout", dropout);
    json.put("d_initial", dInitial);
    targets.write(json);
    json.remove("exclude_modules");
    json.put("bias", "none");
    Settings.put(json, "modules_to_save", modulesToSave);
    json.put("init_weights", initWeights);
    json.put("fan_in_fan_out", false);
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    return layers(List.of(base), owner).around(base);
  }

  @Override
  public LayerMaker layers(List<Linear> adapted, Scope owner) {
    long in = adapted.stream().mapToLong(Linear::in).max().orElseThrow();
    long out = adapted.stream().mapToLong(Linear::out).max().orElseThrow();
    Device device = adapted.get(0).mode().device();
    try (Scope scope = Scope.open()) {
      long next = (long) (Tensor.uniform(0, 1, 1).item() * Integer.MAX_VALUE);
      Torch.seed(projectionPrngKey); // as PEFT seeds a generator for A and, after it, B
      Parameter a = new Parameter("vera_A", kaiming(r, in).to(device), owner);
      Parameter b = new Parameter("vera_B", kaiming(out, r).to(device), owner);
      Torch.seed(next); // what follows is drawn by the run's seed again
      return new Maker(this, a, b, owner);
    }
  }

  /** U(−√(6/columns), √(6/columns)) (He et al. 2015, arXiv:1502.01852). */
  private static Tensor kaiming(long rows, long columns) {
    double std = Math.sqrt(2) / Math.sqrt((double) columns);
    double bound = Math.sqrt(3) * std;
    return Tensor.uniform(-bound, bound, rows, columns);
  }

  /** Layers that share A [r, largest in] and B [largest out, r]. */
  private record Maker(Vera config, Parameter a, Parameter b, Scope owner) implements LayerMaker {
    @Override
    public AdapterLayer around(Linear base) {
      Device device = base.mode().device();
      boolean zero = config.initWeights;
      Tensor output = Tensor.full(zero ? 0 : 1, DType.FLOAT32, device, base.out());
      Tensor inner =
          zero
              ? Tensor.full(config.dInitial, DType.FLOAT32, device, config.r)
              : Tensor.normal(0, 1, config.r).to(device);
      return new Layer(
          base,
          a,
          b,
          new Parameter(base.path() + ".vera_lambda_b", output, owner),
          new Parameter(base.path() + ".vera_lambda_d", inner, owner),
          new Dropout(config.dropout, base.mode()));
    }

    @Override
    public Map<String, Parameter> shared() {
      Map<String, Parameter> shared = new LinkedHashMap<>();
      shared.put("vera_A", a);
      shared.put("vera_B", b);
      return shared;
    }
  }

  /**
   * y = x Wᵀ + λ_b ⊙ (B (λ_d ⊙ (A x))), with as much of A and B as the layer is wide.
   *
   * @param a A [r, at least in]
   * @param b B [at least out, r]
   * @param output λ_b [out]
   * @param inner λ_d [r]
   */
  private record Layer(
      Linear base, Parameter a, Parameter b, Parameter output, Parameter inner, Dropout dropout)
      implements AdapterLayer {
    private Tensor a(DType dtype) {
      return a.value(dtype).narrow(1, 0, base.in());
    }

    private Tensor b(DType dtype) {
      return b.value(dtype).narrow(0, 0, base.out());
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
      DType t = x.dtype();
      Tensor narrow = Ops.linear(dropout.forward(x), a(t), null).mul(inner.value(t)); // [..., r]
      return Ops.linear(narrow, b(t), null).mul(output.value(t));
    }

    @Override
    public Tensor mergedWeight() {
      DType t = DType.FLOAT32;
      Tensor scaledA = a(t).mul(inner.value(t).unsqueeze(1));
      Tensor scaledB = b(t).mul(output.value(t).unsqueeze(1));
      return base.matrix(t).add(scaledB.matmul(scaledA));
    }

    @Override
    public Map<String, Parameter> parameters() {
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      parameters.put("vera_lambda_b", output);
      parameters.put("vera_lambda_d", inner);
      return parameters;
    }
  }
}
