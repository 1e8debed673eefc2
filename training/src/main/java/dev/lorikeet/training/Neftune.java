package dev.lorikeet.training;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Lookup;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;

/**
 * Noise on the embedded tokens while the model trains, drawn from U(−m, m) with m = α / √(L · D)
 * (Jain et al. 2023, arXiv:2310.05914, §2). L is the length of the batch, padding included, as in
 * the authors' code and in transformers; so the noise of a row depends on the rows beside it.
 * Closing it ends the noise.
 */
final class Neftune implements Hook {
  private final EmbeddingSlot words;
  private final Lookup before;

  private Neftune(EmbeddingSlot words, Lookup before) {
    this.words = words;
    this.before = before;
  }

  /**
   * Puts noise on a model's word embeddings.
   *
   * @param alpha α, above 0
   * @throws UsageException when the model reads no words
   */
  static Neftune on(Model model, double alpha) {
    if (model.embeddings().isEmpty()) {
      throw new UsageException(
          "neftune_noise_alpha is " + alpha + ", and the model reads no words: leave it out");
    }
    EmbeddingSlot words = model.embeddings().values().iterator().next();
    Lookup before = words.current();
    words.fill(
        ids -> {
          Tensor embedded = before.forward(ids); // [B, T, D]
          return model.mode().isTraining()
              ? Ops.addUniform(
                  embedded, alpha / Math.sqrt((double) embedded.size(1) * embedded.size(2)))
              : embedded;
        });
    return new Neftune(words, before);
  }

  @Override
  public void close() {
    words.fill(before);
  }
}
