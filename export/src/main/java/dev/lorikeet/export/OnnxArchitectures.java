package dev.lorikeet.export;

import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.LorikeetException;
import java.util.Map;
import java.util.TreeMap;

/** The architectures that can be exported, by the {@code model_type} of their config.json. */
final class OnnxArchitectures {
  private static final Map<String, OnnxArchitecture> BY_MODEL_TYPE =
      new TreeMap<>(Map.of("bert", new BertOnnx()));

  private OnnxArchitectures() {}

  /**
   * The architecture of a checkpoint.
   *
   * @throws LorikeetException when its {@code model_type} cannot be exported, listing those that
   *     can
   */
  static OnnxArchitecture of(ModelConfig config) {
    OnnxArchitecture architecture = BY_MODEL_TYPE.get(config.modelType());
    if (architecture == null) {
      throw new LorikeetException(
          "model_type \""
              + config.modelType()
              + "\" cannot be exported to ONNX; supported: "
              + String.join(", ", BY_MODEL_TYPE.keySet()));
    }
    return architecture;
  }
}
