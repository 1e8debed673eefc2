package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * The place of a linear layer in a model, where an adapter can slip in and out. Threads: who fills
 * it has the model to itself ({@link Model#exclusive}).
 */
public final class ProjectionSlot implements Projection {
  private final Linear base;
  private Projection current;

  ProjectionSlot(Linear base) {
    this.base = base;
    this.current = base;
  }

  public String path() {
    return base.path();
  }

  /** The checkpoint's own layer, whatever answers now. */
  public Linear base() {
    return base;
  }

  /** What answers now. */
  public Projection current() {
    return current;
  }

  /** Lets {@code projection} answer from now on. */
  public void fill(Projection projection) {
    current = projection;
  }

  /** Lets the checkpoint's own layer answer again. */
  public void reset() {
    current = base;
  }

  /** Whether something other than the checkpoint's own layer answers. */
  public boolean isFilled() {
    return current != base;
  }

  @Override
  public Tensor forward(Tensor x) {
    return current.forward(x);
  }
}
