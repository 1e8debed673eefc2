package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/**
 * How EVA's start is taken from data; {@code eva_config} in adapter_config.json. Labels are looked
 * at where positions have some.
 */
public record EvaConfig(
    @Setting("A layer's rank is at most so many times what it would be; with 1 ranks stay.")
        @Setting.Range(atLeast = 1, atMost = Double.MAX_VALUE)
        double rho,
    @Setting("The cosine between a direction and what it was a batch before that counts as found.")
        double tau,
    @Setting("Only positions that have a label are looked at.") boolean useLabelMask,
    @Setting("Directions are divided by the root of their singular value.") boolean whiten,
    @Setting("Alpha goes with a layer's rank, so that alpha/r stays.")
        boolean adjustScalingFactors) {
  /** PEFT's. */
  public static final EvaConfig DEFAULT = new EvaConfig(2, 0.99, true, false, true);

  /** The label of positions that have none; PEFT lets it be another. */
  private static final int NO_LABEL = -100;

  public EvaConfig {
    Bounds.check(EvaConfig.class, rho, tau, useLabelMask, whiten, adjustScalingFactors);
    if (!(tau >= 0 && tau <= 1)) {
      throw new UsageException("tau is " + tau + ": it must be from 0 to 1");
    }
  }

  /** Reads {@code eva_config}; what is missing is the default. */
  public static EvaConfig read(JsonNode json) {
    if (!(json instanceof ObjectNode object)) {
      return DEFAULT;
    }
    Settings settings = new Settings(object);
    settings.mustBe("label_mask_value", Integer.toString(NO_LABEL));
    return new EvaConfig(
        settings.number("rho", DEFAULT.rho),
        settings.number("tau", DEFAULT.tau),
        settings.flag("use_label_mask", DEFAULT.useLabelMask),
        settings.flag("whiten", DEFAULT.whiten),
        settings.flag("adjust_scaling_factors", DEFAULT.adjustScalingFactors));
  }

  ObjectNode json() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("rho", rho)
        .put("tau", tau)
        .put("use_label_mask", useLabelMask)
        .put("label_mask_value", NO_LABEL)
        .put("whiten", whiten)
        .put("adjust_scaling_factors", adjustScalingFactors);
  }
}
