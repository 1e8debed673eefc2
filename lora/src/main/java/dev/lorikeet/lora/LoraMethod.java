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

  /** What PEFT takes where adapter_config.json does not say. */
  private static final int PEFT_RANK = 8;

  private static final double PEFT_ALPHA = 8;

  /** Settings that change the arithmetic and are not built here. */
  private static final List<String> UNSUPPORTED =
      List.of(
          "use_dora",
          "lora_bias",
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
        .forEach(e -> ranks.put(e.getKey(), integer("rank_pattern", e.getValue())));
    Map<String, Double> alphas = new LinkedHashMap<>();
    json.path("alpha_pattern")
        .properties()
        .forEach(e -> alphas.put(e.getKey(), number("alpha_pattern", e.getValue())));
    return new LoraConfig(
        json.has("r") ? integer("r", json.path("r")) : PEFT_RANK,
        json.has("lora_alpha") ? number("lora_alpha", json.path("lora_alpha")) : PEFT_ALPHA,
        json.has("lora_dropout") ? number("lora_dropout", json.path("lora_dropout")) : 0,
        Targets.read(json),
        ranks,
        alphas,
        Bias.of(json.path("bias").asText("none")),
        modulesToSave(json.path("modules_to_save")),
        flag("use_rslora", json.path("use_rslora")),
        LoraInit.read(json.path("init_lora_weights")));
  }

  private static List<String> modulesToSave(JsonNode value) {
    if (value.isTextual()) {
      return List.of(value.textValue());
    }
    List<String> modules = new ArrayList<>();
    value.forEach(module -> modules.add(module.asText()));
    return modules;
  }

  private static int integer(String key, JsonNode value) {
    if (!value.isInt()) {
      throw wrong(key, "a whole number", value);
    }
    return value.intValue();
  }

  private static double number(String key, JsonNode value) {
    if (!value.isNumber()) {
      throw wrong(key, "a number", value);
    }
    return value.doubleValue();
  }

  private static boolean flag(String key, JsonNode value) {
    if (!value.isBoolean() && !value.isMissingNode() && !value.isNull()) {
      throw wrong(key, "true or false", value);
    }
    return value.asBoolean(false);
  }

  private static LorikeetException wrong(String key, String kind, JsonNode value) {
    return new LorikeetException(
        "adapter_config.json: " + key + " must be " + kind + ", not " + value);
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
