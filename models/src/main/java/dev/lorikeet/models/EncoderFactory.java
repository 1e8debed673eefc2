package dev.lorikeet.models;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The factory of an encoder whose heads classify texts or tokens, or fill masks.
 *
 * @param tiedWeights see {@link #tiedWeights}
 */
record EncoderFactory(
    String basePrefix,
    String className,
    Map<String, List<String>> tiedWeights,
    Dropouts.Keys dropouts,
    Constructor constructor)
    implements Architecture.Factory {

  static final Set<Task> TASKS =
      Collections.unmodifiableSet(
          EnumSet.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.MASKED_LM));

  /** How the architecture is made. */
  interface Constructor {
    Architecture of(ModelConfig config, @Nullable Task task, Weights weights);
  }

  @Override
  public Architecture build(ModelConfig config, @Nullable Task task, Weights weights) {
    return constructor.of(config, task, weights);
  }

  @Override
  public Set<Task> tasks() {
    return TASKS;
  }
}
