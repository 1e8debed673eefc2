package dev.lorikeet.models;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The factory of an encoder whose heads classify texts or tokens, or fill masks by the table of
 * word embeddings.
 */
record EncoderFactory(
    String basePrefix, String className, Dropouts.Keys dropouts, Constructor constructor)
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
    mustBeTied(config, task);
    return constructor.of(config, task, weights);
  }

  /** Masked words are told by the table of word embeddings; heads of their own are not built. */
  static void mustBeTied(ModelConfig config, @Nullable Task task) {
    if (task == Task.MASKED_LM) {
      config.mustBe("tie_word_embeddings", "true");
    }
  }

  @Override
  public Set<Task> tasks() {
    return TASKS;
  }
}
