package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.util.Collections;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;

/**
 * The architectures that can be built, by the {@code model_type} of their config.json: all that the
 * class path has a service for.
 */
final class Architectures {
  private static final Map<String, Architecture.Factory> BY_MODEL_TYPE = found();

  private Architectures() {}

  private static Map<String, Architecture.Factory> found() {
    Map<String, Architecture.Factory> found = new TreeMap<>();
    ClassLoader own = Architectures.class.getClassLoader();
    for (Architecture.Provider provider : ServiceLoader.load(Architecture.Provider.class, own)) {
      for (Architecture.Factory factory : provider.factories()) {
        Architecture.Factory other = found.putIfAbsent(factory.modelType(), factory);
        if (other != null) {
          throw new IllegalStateException(
              ("model_type \"" + factory.modelType() + "\" has two architectures: ")
                  + (other.getClass().getName() + " and " + factory.getClass().getName()));
        }
      }
    }
    return found;
  }

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
