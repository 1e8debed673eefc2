package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Scope;
import java.util.List;
import java.util.Optional;

/**
 * LayerNorm tuning: the norms are trained, nothing else (Zhao et al. 2023, arXiv:2312.11420, §3).
 *
 * @param targets the norms
 */
public record LnTuning(
    Targets targets,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave)
    implements AdapterConfig {
  public LnTuning {
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** LayerNorm tuning as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "LN_TUNING";
    }

    @Override
    public LnTuning read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBeOff("layers_to_transform", "layers_pattern"); // PEFT's has none
      return new LnTuning(Targets.read(json), settings.modulesToSave());
    }
  }

  @Override
  public String peftType() {
    return "LN_TUNING";
  }

  @Override
  public LnTuning with(Targets newTargets, List<String> newModulesToSave) {
    return new LnTuning(newTargets, newModulesToSave);
  }

  @Override
  public Optional<String> copiesAs() {
    return Optional.of("ln_tuning_layers");
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    targets.writeModules(json);
    Settings.put(json, "modules_to_save", modulesToSave);
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    throw new UnsupportedOperationException("LN_TUNING trains copies of modules");
  }
}
