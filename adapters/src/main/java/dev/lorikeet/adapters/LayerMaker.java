package dev.lorikeet.adapters;

import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What makes the layers of one adapter, and the tensors that they have in common. */
@FunctionalInterface
public interface LayerMaker {
  /** A layer around {@code base}, initialised from the engine's random state. */
  AdapterLayer around(Linear base);

  /**
   * Tensors that all layers compute with and never change, by their names in adapter files such as
   * {@code vera_A}. A file that has them brings its own; one that lacks them means these.
   */
  default Map<String, Parameter> shared() {
    return Map.of();
  }

  /** What the layers' method does in training beside, or null for nothing. */
  default @Nullable TrainingPart trainingPart() {
    return null;
  }
}
