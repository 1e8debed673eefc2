package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A family of adapters. Methods are found as services: a new method is its own file and one line in
 * {@code META-INF/services/dev.lorikeet.adapters.AdapterMethod}.
 */
public interface AdapterMethod {
  /** PEFT's name of the method, {@code peft_type} in adapter_config.json: {@code LORA}, ... */
  String peftType();

  /**
   * Reads the method's settings.
   *
   * @param json adapter_config.json; keys that the method does not know are the caller's to keep
   * @throws dev.lorikeet.torch.LorikeetException when a setting is wrong, or asks for arithmetic
   *     that is not built here
   */
  AdapterConfig read(ObjectNode json);
}
