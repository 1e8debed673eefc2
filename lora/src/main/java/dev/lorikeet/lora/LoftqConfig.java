package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/**
 * How LoftQ's start looks for what quantisation loses; {@code loftq_config} in adapter_config.json.
 */
public record LoftqConfig(
    @Setting(value = "Bits of a quantised weight: 2, 4 or 8.", key = "loftq_bits") int bits,
    @Setting(
            value = "How many times weights are quantised and what they lose is decomposed.",
            key = "loftq_iter")
        @Setting.Range(atLeast = 1)
        int iterations) {
  /** Four bits, once. */
  public static final LoftqConfig DEFAULT = new LoftqConfig(4, 1);

  public LoftqConfig {
    if (bits != 2 && bits != 4 && bits != 8) {
      throw new UsageException("loftq_bits is " + bits + ": use 2, 4 or 8");
    }
    Bounds.check(LoftqConfig.class, bits, iterations);
  }

  /** Reads {@code loftq_config}; what is missing is the default. */
  public static LoftqConfig read(JsonNode json) {
    if (!(json instanceof ObjectNode object)) {
      return DEFAULT;
    }
    Settings settings = new Settings(object);
    return new LoftqConfig(
        settings.integer("loftq_bits", DEFAULT.bits),
        settings.integer("loftq_iter", DEFAULT.iterations));
  }

  ObjectNode json() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("loftq_bits", bits)
        .put("loftq_iter", iterations);
  }
}
