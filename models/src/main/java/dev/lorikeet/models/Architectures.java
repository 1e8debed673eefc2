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
          Map.ofEntries(
              Map.entry("bert", Bert.FACTORY),
              Map.entry("camembert", Roberta.CAMEMBERT),
              Map.entry("deberta-v2", DebertaV2.FACTORY),
              Map.entry("distilbert", DistilBert.FACTORY),
              Map.entry("electra", Electra.FACTORY),
              Map.entry("gemma2", Gemma.Family.GEMMA2),
              Map.entry("gemma3_text", Gemma.Family.GEMMA3),
              Map.entry("gpt2", Gpt2.FACTORY),
              Map.entry("llama", Llama.Family.LLAMA),
              Map.entry("mistral", Llama.Family.MISTRAL),
              Map.entry("modernbert", ModernBert.FACTORY),
              Map.entry("mt5", T5.MULTILINGUAL),
              Map.entry("phi3", Phi3.FACTORY),
              Map.entry("qwen2", Llama.Family.QWEN2),
              Map.entry("qwen3", Llama.Family.QWEN3),
              Map.entry("roberta", Roberta.ROBERTA),
              Map.entry("t5", T5.FACTORY),
              Map.entry("vit", Vit.FACTORY),
              Map.entry("xlm-roberta", Roberta.XLM_ROBERTA)));

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
