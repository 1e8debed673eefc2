package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * The place of an embedding table in a model, where an adapter can slip in and out. Threads: who
 * fills it has the model to itself ({@link Model#exclusive}).
 */
public final class EmbeddingSlot implements Lookup {
  private final Embedding base;
  private Lookup current;

  EmbeddingSlot(Embedding base) {
    this.base = base;
    this.current = base;
  }

  public String path() {
    return base.path();
  }

  /** The checkpoint's own table, whatever answers now. */
  public Embedding base() {
    return base;
  }

  /** The table, [V, D], for other uses; a merge into this slot's own use does not change it. */
  public Parameter weight() {
    return base.weight().shared();
  }

  /** Lets {@code lookup} answer from now on. */
  public void fill(Lookup lookup) {
    current = lookup;
  }

  /** What answers now. */
  public Lookup current() {
    return current;
  }

  /** Lets the checkpoint's own table answer again. */
  public void reset() {
    current = base;
  }

  /** Whether something other than the checkpoint's own table answers. */
  public boolean isFilled() {
    return current != base;
  }

  @Override
  public Tensor forward(Tensor ids) {
    return current.forward(ids);
  }
}
