package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.torch.UsageException;

/**
 * How EVA's start is taken from data; {@code eva_config} in adapter_config.json.
 *
 * @param rho a layer's rank is at most so many times what it would be, at least 1; with 1 ranks
 *     stay as they are
 * @param tau the cosine between a direction and what it was a batch before, from which on it counts
 *     as found
 * @param useLabelMask whether only positions that have a label are looked at, where positions have
 *     labels
 * @param whiten whether directions are divided by the root of their singular value
 * @param adjustScalingFactors whether α goes with a layer's rank, so that α/r stays
 */
public record EvaConfig(
    double rho, double tau, boolean useLabelMask, boolean whiten, boolean adjustScalingFactors) {
  /** PEFT's. */
  public static final EvaConfig DEFAULT = new EvaConfig(2, 0.99, true, false, true);

  /** The label of positions that have none; PEFT lets it be another. */
  private static final int NO_LABEL = -100;

  public EvaConfig {
    if (!(rho >= 1) || Double.isInfinite(rho)) {
      throw new UsageException("rho is " + rho + ": it must be at least 1");
    }
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
