package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.PythonRegex;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * (IA)³: a vector scales the outputs of keys and values, and the inputs of a feed-forward's second
 * layer (Liu et al. 2022, arXiv:2205.05638, §3.3).
 *
 * @param targets the layers to adapt
 * @param feedForwardRegex whether it is an expression
 */
public record Ia3(
    Targets targets,
    @Setting(
            value =
                "Adapted layers whose inputs are scaled; unless given, PEFT's choice for the architecture.",
            key = "feedforward_modules")
        @Nullable List<String> feedForward,
    boolean feedForwardRegex,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave,
    @Setting(value = "Start as the unchanged model, and not at random.", key = "init_ia3_weights")
        boolean initWeights)
    implements AdapterConfig {

  private static final String PEFT_TYPE = "IA3";

  public Ia3 {
    feedForward = feedForward == null ? null : List.copyOf(feedForward);
    modulesToSave = List.copyOf(modulesToSave);
    if (feedForward != null && !feedForwardRegex && !targets.regex()) {
      for (String entry : feedForward) {
        if (!targets.modules().isEmpty()
            && !targets.modules().contains(entry)
            && !targets.modules().contains(Targets.ALL_LINEAR)) {
          throw new UsageException(
              "feedforward_modules entry \""
                  + entry
                  + "\" is not one of target_modules "
                  + targets.modules()
                  + ": name it in both");
        }
      }
    }
  }

  /** (IA)³ as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return PEFT_TYPE;
    }

    @Override
    public Ia3 read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBeOff("layers_to_transform", "layers_pattern"); // PEFT's (IA)³ has none
      return new Ia3(
          Targets.read(json),
          settings.texts("feedforward_modules"),
          json.path("feedforward_modules").isTextual(),
          settings.modulesToSave(),
          settings.flag("init_ia3_weights", true));
    }
  }

  @Override
  public String peftType() {
    return PEFT_TYPE;
  }

  @Override
  public Ia3 with(Targets newTargets, List<String> newModulesToSave) {
    List<String> scaled = feedForward;
    if (scaled != null && !feedForwardRegex && targets.modules().contains(Targets.ALL_LINEAR)) {
      scaled = newTargets.modules().stream().filter(this::isFeedForward).toList();
    }
    return new Ia3(newTargets, scaled, feedForwardRegex, newModulesToSave, initWeights);
  }

  @Override
  public Ia3 resolvedFor(ModelConfig model) {
    List<String> scaled = feedForward;
    if (scaled == null) {
      if (model.defaultTargets(PEFT_TYPE).isEmpty()) {
        throw new UsageException(
            "feedforward_modules is missing, and there are no default ones for model_type \""
                + model.modelType()
                + "\": name them, or none with an empty list");
      }
      scaled = model.feedForwardTargets();
    }
    return new Ia3(
        targets.orDefaultsOf(model, PEFT_TYPE),
        scaled,
        feedForwardRegex,
        modulesToSave,
        initWeights);
  }

  @Override
  public void mustMatch(List<String> adaptedPaths) {
    for (String entry : Objects.requireNonNull(feedForward)) {
      if (adaptedPaths.stream().noneMatch(path -> isFeedForward(entry, path))) {
        throw Targets.noMatch("feedforward_modules", entry, adaptedPaths);
      }
    }
  }

  private boolean isFeedForward(String path) {
    return Objects.requireNonNull(feedForward).stream()
        .anyMatch(entry -> isFeedForward(entry, path));
  }

  private boolean isFeedForward(String entry, String path) {
    return feedForwardRegex
        ? PythonRegex.of("feedforward_modules", entry).matches(path)
        : path.endsWith(entry);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    targets.writeModules(json);
    if (feedForwardRegex && feedForward != null) {
      json.put("feedforward_modules", feedForward.get(0));
    } else if (feedForward == null) {
      json.putNull("feedforward_modules");
    } else {
      feedForward.forEach(json.putArray("feedforward_modules")::add);
    }
    Settings.put(json, "modules_to_save", modulesToSave);
    json.put("init_ia3_weights", initWeights);
    json.put("fan_in_fan_out", false);
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    boolean scalesInput = isFeedForward(base.path());
    long[] shape = scalesInput ? new long[] {1, base.in()} : new long[] {base.out(), 1};
    Tensor start =
        initWeights ? Tensor.full(1, DType.FLOAT32, Device.CPU, shape) : Tensor.normal(0, 1, shape);
    Tensor placed = start.to(base.mode().device());
    return new Layer(base, new Parameter(base.path() + ".ia3_l", placed, owner), scalesInput);
  }

  /**
   * y = l ⊙ (x Wᵀ + b), or y = (l ⊙ x) Wᵀ + b.
   *
   * @param scale l [out, 1], or [1, in]
   * @param scalesInput whether it is the latter
   */
  private record Layer(Linear base, Parameter scale, boolean scalesInput) implements AdapterLayer {
    @Override
    public Tensor forward(Tensor x) {
      Tensor l = scale.value(x.dtype()).reshape(-1);
      return scalesInput ? base.forward(x.mul(l)) : base.forward(x).mul(l);
    }

    @Override
    public Tensor mergedWeight() {
      return base.matrix(DType.FLOAT32).mul(scale.value(DType.FLOAT32));
    }

    @Override
    public @Nullable Tensor mergedBias() {
      return scalesInput || base.bias() == null
          ? null
          : base.bias().value(DType.FLOAT32).mul(scale.value(DType.FLOAT32).reshape(-1));
    }

    @Override
    public Map<String, Parameter> parameters() {
      return Map.of("ia3_l", scale);
    }
  }
}
