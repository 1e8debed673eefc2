package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** LoRA as an adapter method: reads its settings from adapter_config.json. */
public final class LoraMethod implements AdapterMethod {
  static final String PEFT_TYPE = "LORA";

  /** Settings that change the arithmetic and are not built here. */
  private static final List<String> UNSUPPORTED =
      List.of(
          "use_dora",
          "lora_bias",
          "fan_in_fan_out",
          "trainable_token_indices",
          "target_parameters",
          "layer_replication",
          "use_qalora",
          "use_bdlora",
          "alora_invocation_tokens",
          "arrow_config",
          "kasa_config",
          "velora_config",
          "monteclora_config",
          "ensure_weight_tying");

  @Override
  public String peftType() {
    return PEFT_TYPE;
  }

  @Override
  public AdapterConfig read(ObjectNode json) {
    for (String key : UNSUPPORTED) {
      JsonNode value = json.path(key);
      if (!value.isMissingNode() && !value.isNull() && !value.asText().equals("false")) {
        throw new LorikeetException(
            "adapter_config.json: "
                + key
                + " is "
                + value
                + ", which is not supported: the adapter would compute something else");
      }
    }
    Map<String, Integer> ranks = new LinkedHashMap<>();
    json.path("rank_pattern")
        .properties()
        .forEach(e -> ranks.put(e.getKey(), e.getValue().intValue()));
    Map<String, Double> alphas = new LinkedHashMap<>();
    json.path("alpha_pattern")
        .properties()
        .forEach(e -> alphas.put(e.getKey(), e.getValue().doubleValue()));
    List<String> modulesToSave = new ArrayList<>();
    json.path("modules_to_save").forEach(module -> modulesToSave.add(module.asText()));
    return new LoraConfig(
        json.path("r").asInt(8),
        json.path("lora_alpha").asDouble(8),
        json.path("lora_dropout").asDouble(0),
        Targets.read(json),
        ranks,
        alphas,
        Bias.of(json.path("bias").asText("none")),
        modulesToSave,
        json.path("use_rslora").asBoolean(false),
        LoraInit.read(json.path("init_lora_weights")));
  }

  /** Writes whole numbers without a decimal point, as PEFT does for an α given as one. */
  static void put(ObjectNode json, String key, double number) {
    if (number == Math.rint(number)) {
      json.put(key, (long) number);
    } else {
      json.put(key, number);
    }
  }
}
