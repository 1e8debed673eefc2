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
import dev.lorikeet.torch.Scope;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * LayerNorm tuning: the norms are trained, nothing else (Zhao et al. 2023, arXiv:2312.11420, §3).
 *
 * @param targets the norms
 * @param modulesToSave modules that are trained and saved whole beside them
 */
public record LnTuning(Targets targets, List<String> modulesToSave) implements AdapterConfig {
  private static final List<String> BERT = List.of("LayerNorm");
  private static final List<String> LLAMA =
      List.of("input_layernorm", "post_attention_layernorm", "norm");
  private static final List<String> GEMMA =
      List.of(
          "input_layernorm",
          "post_attention_layernorm",
          "pre_feedforward_layernorm",
          "post_feedforward_layernorm",
          "norm");

  /**
   * What PEFT trains where adapter_config.json does not say; for encoders, where it has none, all.
   */
  private static final Map<String, List<String>> DEFAULTS =
      Map.ofEntries(
          Map.entry("bert", BERT),
          Map.entry("roberta", BERT),
          Map.entry("xlm-roberta", BERT),
          Map.entry("camembert", BERT),
          Map.entry("electra", BERT),
          Map.entry("deberta-v2", BERT),
          Map.entry("llama", LLAMA),
          Map.entry("mistral", LLAMA),
          Map.entry("gemma", LLAMA),
          Map.entry("gemma2", GEMMA),
          Map.entry("gemma3_text", GEMMA),
          Map.entry("qwen2", List.of("post_attention_layernorm")),
          Map.entry("qwen3", List.of("post_attention_layernorm")),
          Map.entry("gpt2", List.of("ln_1", "ln_2", "ln_f")),
          Map.entry("t5", List.of("layer_norm", "final_layer_norm")));

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
  public LnTuning resolvedFor(ModelConfig model) {
    return with(targets.orDefaultsOf(model.modelType(), DEFAULTS), modulesToSave);
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
