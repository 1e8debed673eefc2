package dev.lorikeet.torch;

import ai.djl.pytorch.jni.LorikeetBridge;

/**
 * Whether operations on this thread record what a backward pass needs. Off unless a {@code
 * GradMode} is open.
 *
 * <pre>{@code
 * try (GradMode on = GradMode.enabled()) {
 *   List<Tensor> gradients = Ops.grad(loss(weights), weights);
 * }
 * }</pre>
 */
public final class GradMode implements AutoCloseable {
  private final Torch.ThreadState thread = Torch.ready();
  private final boolean enabledBefore = LorikeetBridge.gradMode();
  private final boolean inferenceBefore = thread.inference;

  private GradMode(boolean enabled, boolean inference) {
    LorikeetBridge.gradMode(enabled);
    thread.inference = inference;
  }

  /** Records gradients until closed. */
  public static GradMode enabled() {
    return new GradMode(true, false);
  }

  /** Records nothing until closed. */
  public static GradMode disabled() {
    return new GradMode(false, false);
  }

  /**
   * Records nothing until closed, and saves the bookkeeping that every operation does in case its
   * result is recorded later: what is made here can never be.
   */
  public static GradMode inference() {
    return new GradMode(false, true);
  }

  /** Whether this thread records gradients now. */
  public static boolean isEnabled() {
    Torch.ready();
    return LorikeetBridge.gradMode();
  }

  @Override
  public void close() {
    LorikeetBridge.gradMode(enabledBefore);
    thread.inference = inferenceBefore;
  }
}
