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
  private final boolean before;

  private GradMode(boolean enabled) {
    Torch.ready();
    before = LorikeetBridge.gradMode();
    LorikeetBridge.gradMode(enabled);
  }

  /** Records gradients until closed. */
  public static GradMode enabled() {
    return new GradMode(true);
  }

  /** Records nothing until closed. */
  public static GradMode disabled() {
    return new GradMode(false);
  }

  /** Whether this thread records gradients now. */
  public static boolean isEnabled() {
    Torch.ready();
    return LorikeetBridge.gradMode();
  }

  @Override
  public void close() {
    LorikeetBridge.gradMode(before);
  }
}
