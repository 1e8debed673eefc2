package dev.lorikeet.adapters;

/**
 * The names of tensors in adapter_model.safetensors, as PEFT writes them: without the adapter's own
 * name, below {@code base_model.model}.
 */
final class PeftNames {
  private static final String PREFIX = "base_model.model.";

  private PeftNames() {}

  /** A parameter of an adapted layer: {@code ….query.lora_A.weight}. */
  static String ofLayer(String path, String parameter) {
    return PREFIX + path + "." + parameter;
  }

  /** A parameter of the base that the adapter trains: in a module saved whole, or a lone bias. */
  static String ofBase(String parameter) {
    return PREFIX + parameter;
  }

  /** The bias inside an adapted layer: {@code ….query.base_layer.bias}. */
  static String ofAdaptedBias(String path) {
    return PREFIX + path + ".base_layer.bias";
  }
}
