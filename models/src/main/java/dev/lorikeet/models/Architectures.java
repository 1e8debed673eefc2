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
              "gemma2", Gemma.Family.GEMMA2,
              "gemma3_text", Gemma.Family.GEMMA3,
              "llama", Llama.Family.LLAMA,
              "mistral", Llama.Family.MISTRAL,
              "phi3", Phi3.FACTORY,
              "qwen2", Llama.Family.QWEN2,
              "qwen3", Llama.Family.QWEN3));

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
