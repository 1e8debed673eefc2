package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;

/**
 * The rows of a table.
 *
 * @param path where it is in the model, such as {@code bert.embeddings.word_embeddings}
 * @param weight [V, D]
 */
public record Embedding(String path, Parameter weight, Mode mode) implements Lookup {
  @Override
  public Tensor forward(Tensor ids) {
    return Ops.embedding(weight.value(), ids).to(mode.dtype());
  }
}
