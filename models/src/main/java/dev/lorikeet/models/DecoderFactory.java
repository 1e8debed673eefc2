package dev.lorikeet.models;

import java.util.EnumSet;
import java.util.Set;

/** The factory of a {@link Decoder} with a {@link DecoderHead}, under Llama's names. */
interface DecoderFactory extends Architecture.Factory {
  @Override
  default String basePrefix() {
    return "model";
  }

  @Override
  default Dropouts.Keys dropouts() {
    return Dropouts.Keys.ATTENTION_ONLY;
  }

  @Override
  default Set<Task> tasks() {
    return EnumSet.of(Task.SEQUENCE_CLASSIFICATION, Task.CAUSAL_LM);
  }
}
