package dev.lorikeet.models;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A tensor of a {@link Tape}'s pass whose gradient is collected. */
final class TapeValue {
  /** What those that read it have. */
  final Tensor leaf;

  /** The tensors by which it is known. */
  final List<Tensor> names = new ArrayList<>();

  /** The block that alone reads it. */
  int block;

  private final Scope scope;
  private @Nullable Tensor gradient;
  private boolean owned;

  /**
   * A value without a gradient.
   *
   * @param scope of the gradient
   */
  TapeValue(Tensor leaf, int block, Scope scope) {
    this.leaf = leaf;
    this.block = block;
    this.scope = scope;
  }

  /** Its gradient so far. */
  @Nullable Tensor gradient() {
    return gradient;
  }

  /** Its gradient so far, if nobody else has that memory; else null. */
  @Nullable Tensor ownGradient() {
    return owned ? gradient : null;
  }

  /**
   * Adds to its gradient.
   *
   * @param fresh whether nobody else has {@code more}'s memory
   */
  void add(Tensor more, boolean fresh) {
    if (gradient == null) {
      gradient = scope.adopt(more);
      owned = fresh;
    } else if (owned) {
      gradient.addInPlace(more, 1);
    } else {
      Tensor sum = scope.adopt(gradient.add(more));
      scope.release(gradient);
      gradient = sum;
      owned = true;
    }
  }
}
