package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
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
    return LoraConfig.DEFAULT
        .but()
        .r(json.has("r") ? integer("r", json.path("r")) : PEFT_RANK)
        .loraAlpha(
            json.has("lora_alpha") ? number("lora_alpha", json.path("lora_alpha")) : PEFT_ALPHA)
        .loraDropout(
            json.has("lora_dropout") ? number("lora_dropout", json.path("lora_dropout")) : 0)
        .targets(Targets.read(json))
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .bias(Bias.of(json.path("bias").asText("none")))
        .modulesToSave(modulesToSave(json.path("modules_to_save")))
        .useRslora(flag("use_rslora", json.path("use_rslora")))
        .init(LoraInit.read(json.path("init_lora_weights")))
        .useDora(flag("use_dora", json.path("use_dora")))
        .loraBias(flag("lora_bias", json.path("lora_bias")))
        .trainableTokens(TrainableTokens.read(json))
        .build();
  }

  /** Writes what {@link #read} reads. */
  static ObjectNode json(LoraConfig config) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("r", config.r());
    put(json, "lora_alpha", config.loraAlpha());
    json.put("lora_dropout", config.loraDropout());
    config.targets().write(json);
    ObjectNode ranks = json.putObject("rank_pattern");
    config.rankPattern().forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    config.alphaPattern().forEach((key, alpha) -> put(alphas, key, alpha));
    json.put("bias", config.bias().id());
    if (config.modulesToSave().isEmpty()) {
      json.putNull("modules_to_save");
    } else {
      config.modulesToSave().forEach(json.putArray("modules_to_save")::add);
    }
    json.put("use_rslora", config.useRslora());
    json.put("fan_in_fan_out", false);
    json.set("init_lora_weights", config.init().json());
    json.put("use_dora", config.useDora());
    json.put("lora_bias", config.loraBias());
    config.trainableTokens().write(json);
    return json;
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
  private static void put(ObjectNode json, String key, double number) {
    if (number == Math.rint(number)) {
      json.put(key, (long) number);
    } else {
      json.put(key, number);
    }
  }
}
