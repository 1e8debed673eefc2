package dev.lorikeet.tasks.objectives;

import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Tensor;

/**
 * States go through the head in chunks, so that the logits of a large vocabulary are never in
 * memory for all of them. A loss is a sum, so nothing but memory depends on the chunks.
 *
 * @param rows at most so many states a chunk
 */
record LogitChunks(long rows) {
  /**
   * 16 MiB in float32, and as much again for their gradient. Of four times as many, memory comes
   * anew from the system for every chunk, which costs an eighth of a small model's step.
   */
  private static final long LOGITS_AT_ONCE = 1L << 22;

  /** Those of a head of so many classes. */
  static LogitChunks of(long classes) {
    return new LogitChunks(Math.max(1, LOGITS_AT_ONCE / Math.max(1, classes)));
  }

  /** Those of a language model's head. */
  static LogitChunks ofVocabulary(Model model) {
    return of(model.config().integer("vocab_size"));
  }

  /** Those of a head that tells labels apart. */
  static LogitChunks ofLabels(Model model) {
    return of(model.config().labelCount());
  }

  /** What is done with a chunk of states [c, D] and labels [c] or [c, C]. */
  @FunctionalInterface
  interface Body {
    void accept(Tensor states, Tensor labels);
  }

  /**
   * Cuts states and their labels alike.
   *
   * @param states [n, D]
   * @param labels [n] or [n, C]
   */
  void each(Tensor states, Tensor labels, Body body) {
    long all = states.size(0);
    for (long start = 0; start < all; start += rows) {
      long length = Math.min(rows, all - start);
      boolean whole = length == all;
      body.accept(
          whole ? states : states.narrow(0, start, length),
          whole ? labels : labels.narrow(0, start, length));
    }
  }
}
