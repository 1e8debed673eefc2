package dev.lorikeet.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The lifetime of tensors. Every tensor belongs to one scope and is freed when that scope closes.
 * New tensors belong to the innermost scope that is open on the thread.
 *
 * <pre>{@code
 * try (Scope step = Scope.open()) {
 *   Tensor loss = model.forward(batch);   // freed at the end of the step
 *   weights = step.keep(weights.sub(...)); // moved out to the scope around this one
 * }
 * }</pre>
 *
 * Freeing a tensor drops this side's handle only: what autograd still needs for a backward pass is
 * counted by libtorch and lives on. A scope belongs to the thread that opened it; a scope from
 * {@link #unbound} belongs to no thread, receives tensors by {@link #adopt} only, and is how a
 * model owns its weights; any thread may adopt into it and close it.
 */
public final class Scope implements AutoCloseable {
  private static final ThreadLocal<@Nullable Scope> INNERMOST = new ThreadLocal<>();

  private List<Tensor> tensors = new ArrayList<>();
  private final @Nullable Scope outer;
  private final boolean bound;
  private boolean closed;

  private Scope(@Nullable Scope outer, boolean bound) {
    this.outer = outer;
    this.bound = bound;
  }

  /** Opens a scope on this thread, inside the one that is open now. */
  public static Scope open() {
    Scope scope = new Scope(INNERMOST.get(), true);
    INNERMOST.set(scope);
    return scope;
  }

  /** A scope outside the nesting, for what outlives it, such as a model's weights. */
  public static Scope unbound() {
    return new Scope(null, false);
  }

  /** Runs {@code body} in a scope of its own and frees all it made but its result. */
  public static Tensor tidy(Supplier<Tensor> body) {
    try (Scope scope = open()) {
      return scope.keep(body.get());
    }
  }

  static Scope innermost() {
    Scope scope = INNERMOST.get();
    if (scope == null) {
      throw new IllegalStateException(
          "no Scope is open on this thread: wrap the work in Scope.open()");
    }
    return scope;
  }

  /**
   * Moves a tensor of this scope to the scope around it; a tensor of any other scope stays where it
   * is.
   *
   * @return the same tensor
   * @throws IllegalStateException when no scope is around this one
   */
  public Tensor keep(Tensor tensor) {
    if (!tensor.belongsTo(this)) {
      return tensor;
    }
    if (outer == null) {
      throw new IllegalStateException("no scope around this one to keep the tensor in");
    }
    return outer.adopt(tensor);
  }

  /**
   * Makes this scope the owner of a tensor.
   *
   * @return the same tensor
   */
  public synchronized Tensor adopt(Tensor tensor) {
    if (closed) {
      throw new IllegalStateException("the scope is closed");
    }
    if (!tensor.belongsTo(this)) {
      tensor.moveTo(this);
      tensors.add(tensor);
    }
    return tensor;
  }

  /** Takes in a tensor that was made to belong to it. */
  synchronized void receive(Tensor tensor) {
    tensors.add(tensor);
  }

  /** Frees one tensor of this scope before the scope closes; the tensor must not be used again. */
  public synchronized void release(Tensor tensor) {
    if (tensor.freeFrom(this)) {
      tensors.remove(tensors.lastIndexOf(tensor)); // most often one of the last
    }
  }

  /** Frees all tensors that belong to this scope. Closing twice does nothing. */
  @Override
  public void close() {
    if (isClosed()) {
      return;
    }
    if (bound) {
      if (INNERMOST.get() != this) {
        throw new IllegalStateException(
            "scopes close innermost first, on the thread that opened them");
      }
      if (outer == null) {
        INNERMOST.remove();
      } else {
        INNERMOST.set(outer);
      }
    }
    for (Tensor tensor : leave()) {
      tensor.freeFrom(this);
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /** Ends adoption, and lets go of all tensors. */
  private synchronized List<Tensor> leave() {
    closed = true;
    List<Tensor> left = tensors;
    tensors = List.of();
    return left;
  }
}
