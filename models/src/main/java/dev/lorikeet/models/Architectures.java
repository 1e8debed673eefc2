package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The architectures that can be built, by the {@code model_type} of their config.json. */
final class Architectures {
  private static final Map<String, Architecture.Factory> BY_MODEL_TYPE =
      new TreeMap<>(
          Map.of(
              "bert", Bert.FACTORY,
              "gpt2", Gpt2.FACTORY,
              "mt5", T5.MULTILINGUAL,
              "t5", T5.FACTORY,
              "vit", Vit.FACTORY));

  private Architectures() {}

  /**
   * The factory for a checkpoint.
   *
   * @throws LorikeetException when its {@code model_type} is not supported, listing those that are
   */
  static Architecture.Factory of(ModelConfig config) {
    Architecture.Factory factory = BY_MODEL_TYPE.get(config.modelType());
    if (factory == null) {
      throw new LorikeetException(
          "model_type \""
              + config.modelType()
              + "\" is not supported; supported: "
              + String.join(", ", BY_MODEL_TYPE.keySet()));
    }
    return factory;
  }

  /** The {@code model_type}s that can be built, sorted. */
  static Set<String> modelTypes() {
    return Collections.unmodifiableSet(BY_MODEL_TYPE.keySet());
  }
}
