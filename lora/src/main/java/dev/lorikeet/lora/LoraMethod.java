package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.torch.LorikeetException;

/** LoRA as an adapter method: reads its settings from adapter_config.json. */
public final class LoraMethod implements AdapterMethod {
  static final String PEFT_TYPE = "LORA";

  /** What PEFT takes where adapter_config.json does not say. */
  private static final int PEFT_RANK = 8;

  private static final double PEFT_ALPHA = 8;

  /** Settings that change the arithmetic and are not built here. */
  private static final String[] UNSUPPORTED = {
    "target_parameters",
    "layer_replication",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "velora_config",
    "monteclora_config"
  };

  @Override
  public String peftType() {
    return PEFT_TYPE;
  }

  @Override
  public AdapterConfig read(ObjectNode json) {
    Settings settings = new Settings(json);
    settings.mustBeOff(UNSUPPORTED);
    mustNotBeOnQuantizedBase(json);
    return LoraConfig.DEFAULT
        .but()
        .r(settings.integer("r", PEFT_RANK))
        .loraAlpha(settings.number("lora_alpha", PEFT_ALPHA))
        .loraDropout(settings.number("lora_dropout", 0))
        .targets(Targets.read(json))
        .rankPattern(settings.integers("rank_pattern"))
        .alphaPattern(settings.numbers("alpha_pattern"))
        .bias(Bias.of(settings.text("bias", "none")))
        .modulesToSave(settings.modulesToSave())
        .useRslora(settings.flag("use_rslora", false))
        .init(LoraInit.read(json))
        .useDora(settings.flag("use_dora", false))
        .loraBias(settings.flag("lora_bias", false))
        .trainableTokens(TrainableTokens.read(json))
        .ensureWeightTying(settings.flag("ensure_weight_tying", false))
        .build();
  }

  /** PEFT trains LoftQ's A and B beside a quantised base, and both are needed. */
  private static void mustNotBeOnQuantizedBase(ObjectNode json) {
    if (json.path("init_lora_weights").asText().equals("loftq")
        && json.path("inference_mode").asBoolean()) {
      throw new LorikeetException(
          "adapter_config.json: init_lora_weights is loftq: these A and B belong to a base that"
              + " PEFT quantised, which is not supported; where the folder of that base was saved,"
              + " give it as the model and set init_lora_weights to true");
    }
  }

  /** Writes what {@link #read} reads. */
  static ObjectNode json(LoraConfig config) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("r", config.r());
    Settings.put(json, "lora_alpha", config.loraAlpha());
    json.put("lora_dropout", config.loraDropout());
    config.targets().write(json);
    ObjectNode ranks = json.putObject("rank_pattern");
    config.rankPattern().forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    config.alphaPattern().forEach((key, alpha) -> Settings.put(alphas, key, alpha));
    json.put("bias", config.bias().id());
    Settings.put(json, "modules_to_save", config.modulesToSave());
    json.put("use_rslora", config.useRslora());
    json.put("fan_in_fan_out", false);
    config.init().write(json);
    json.put("use_dora", config.useDora());
    json.put("lora_bias", config.loraBias());
    config.trainableTokens().write(json);
    if (config.ensuresWeightTying()) {
      json.put("ensure_weight_tying", true); // PEFT knows it from 0.18 on
    }
    return json;
  }
}
