package dev.lorikeet.adapters;

import java.util.Set;
import java.util.regex.Pattern;

/**
 * The names of tensors in adapter_model.safetensors, as PEFT writes them: without the adapter's own
 * name, below {@code base_model.model}.
 */
public final class PeftNames {
  /** The vectors of a soft prompt or a learned prefix. */
  static final String PROMPT = "prompt_embeddings";

  private static final String PREFIX = "base_model.model.";
  private static final String BASE_WEIGHT = "base_layer.weight";

  /** What PEFT writes once more, or of the base, when all biases are trained. */
  private static final Pattern REPEATED =
      Pattern.compile(".*\\.(modules_to_save|original_module)\\.bias");

  /** What PEFT adds to the modules to save of every classifier, whichever of them it has. */
  private static final Set<String> CLASSIFIERS = Set.of("classifier", "score");

  private PeftNames() {}

  /** Whether PEFT names a module to save by itself, and a model need not have it. */
  static boolean isClassifier(String module) {
    return CLASSIFIERS.contains(module);
  }

  /** Whether a tensor repeats one that the file has under its proper name. */
  static boolean isRepeated(String name) {
    return REPEATED.matcher(name).matches();
  }

  /** A parameter of an adapted layer: {@code ….query.lora_A.weight}. */
  public static String ofLayer(String path, String parameter) {
    return PREFIX + path + "." + parameter;
  }

  /** Whether a tensor is one of an adapted layer's: {@code ….lm_head.lora_A.weight}. */
  static boolean isUpdateOf(String path, String name) {
    return name.startsWith(PREFIX + path + ".lora_");
  }

  /** The path of the layer whose parameter a tensor is, or an empty path. */
  public static String layerOf(String name, String parameter) {
    int end = name.length() - parameter.length() - 1;
    return end > PREFIX.length() && name.startsWith(PREFIX) && name.endsWith("." + parameter)
        ? name.substring(PREFIX.length(), end)
        : "";
  }

  /** A tensor that all layers have in common: {@code base_model.vera_A}. */
  static String ofShared(String name) {
    return "base_model." + name;
  }

  /** A parameter of the base that the adapter trains: in a module saved whole, or a lone bias. */
  static String ofBase(String parameter) {
    return PREFIX + parameter;
  }

  /** The same beside a soft prompt, which PEFT puts no wrapper around layers for. */
  static String ofBaseBesidePrompt(String parameter) {
    return "base_model." + parameter;
  }

  /** The base's own weight inside an adapted layer: {@code ….embed_tokens.base_layer.weight}. */
  static String ofBaseWeight(String path) {
    return ofLayer(path, BASE_WEIGHT);
  }

  /** The layer whose base's weight a tensor is, or an empty path. */
  static String layerOfBaseWeight(String name) {
    return layerOf(name, BASE_WEIGHT);
  }

  /** The bias inside an adapted layer: {@code ….query.base_layer.bias}. */
  static String ofAdaptedBias(String path) {
    return PREFIX + path + ".base_layer.bias";
  }
}
