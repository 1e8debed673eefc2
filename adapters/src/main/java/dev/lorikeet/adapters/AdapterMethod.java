package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/**
 * A family of adapters. Methods are found as services: a new method is its own file and one line in
 * {@code META-INF/services/dev.lorikeet.adapters.AdapterMethod}.
 */
public interface AdapterMethod {
  /** PEFT's name of the method, {@code peft_type} in adapter_config.json: {@code LORA}, ... */
  String peftType();

  /** The name that users type: {@code lora}, ... */
  default String id() {
    return peftType().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads the method's settings; what is missing is as PEFT has it.
   *
   * @param json adapter_config.json; keys that the method does not know are the caller's to keep
   * @throws dev.lorikeet.torch.LorikeetException when a setting is wrong, or asks for arithmetic
   *     that is not built here
   */
  AdapterConfig read(ObjectNode json);
}
