package dev.lorikeet.models;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** The factory of an encoder whose heads classify texts or tokens, or fill masks. */
interface EncoderFactory extends Architecture.Factory {
  Set<Task> TASKS =
      Collections.unmodifiableSet(
          EnumSet.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.MASKED_LM));

  @Override
  default Set<Task> tasks() {
    return TASKS;
  }

  @Override
  default Dropouts.Keys dropouts() {
    return Dropouts.Keys.BERT;
  }

  @Override
  default String layerPattern() {
    return "layer";
  }
}
