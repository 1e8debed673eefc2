package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/** A model's forward pass. */
public interface Architecture {
  /**
   * What the model's head answers, or the last hidden state [B, T, D] where it has none.
   *
   * @return [B, C] for a sequence, [B, T, C] for tokens
   */
  Tensor logits(ModelInput input);

  /** How to build an architecture from its configuration and weights; one a {@code model_type}. */
  interface Factory {
    /** The model's parts, found by walking {@code weights}. */
    Architecture build(ModelConfig config, @Nullable Task task, Weights weights);

    /**
     * The name of the encoder inside models with a head: {@code bert} in {@code bert.embeddings}.
     */
    String basePrefix();
  }
}
