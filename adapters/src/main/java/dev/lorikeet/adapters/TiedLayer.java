package dev.lorikeet.adapters;

import java.util.Map;

/**
 * An output layer whose weights are an embedding's table, with the update of that: it has no
 * parameters of its own.
 */
public interface TiedLayer extends AdapterLayer {
  /**
   * What files call its tensors, such as {@code lora_A.weight}, each with the embedding's parameter
   * that it is the transpose of.
   */
  Map<String, String> transposes();
}
