package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.torch.UsageException;

/**
 * How LoftQ's start looks for what quantisation loses; {@code loftq_config} in adapter_config.json.
 *
 * @param bits of a quantised weight: 2, 4 or 8
 * @param iterations how many times weights are quantised and what they lose is decomposed
 */
public record LoftqConfig(int bits, int iterations) {
  /** Four bits, once. */
  public static final LoftqConfig DEFAULT = new LoftqConfig(4, 1);

  public LoftqConfig {
    if (bits != 2 && bits != 4 && bits != 8) {
      throw new UsageException("loftq_bits is " + bits + ": use 2, 4 or 8");
    }
    if (iterations < 1) {
      throw new UsageException("loftq_iter is " + iterations + ": it must be at least 1");
    }
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
