package dev.lorikeet.export;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import org.jspecify.annotations.Nullable;

/**
 * How a model becomes an ONNX graph; one a {@code model_type}, registered in {@link
 * OnnxArchitectures}.
 */
interface OnnxArchitecture {
  /**
   * Adds the whole model to the graph of {@code checkpoint}: its inputs, all nodes and the output.
   *
   * @param checkpoint the root of the checkpoint and of the graph
   * @param task the head's; null for the last hidden state
   * @throws dev.lorikeet.torch.LorikeetException when a tensor is missing or has another shape than
   *     the configuration asks for, or when the configuration asks for arithmetic that is not built
   */
  void build(OnnxPart checkpoint, ModelConfig config, @Nullable HeadType task);
}
