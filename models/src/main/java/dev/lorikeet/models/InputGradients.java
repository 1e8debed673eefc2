package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The gradients of what a step of a {@link Tape} read, those that are asked for. */
final class InputGradients {
  private final List<@Nullable TapeValue> inputs;

  /**
   * Of a step's inputs.
   *
   * @param inputs null where nothing asks for the gradient
   */
  InputGradients(List<@Nullable TapeValue> inputs) {
    this.inputs = inputs;
  }

  /** Whether an input's gradient is asked for. */
  boolean needs(int input) {
    return inputs.get(input) != null;
  }

  /** An input's gradient so far, if it may be added to in place; else null. */
  @Nullable Tensor sum(int input) {
    TapeValue value = inputs.get(input);
    return value == null ? null : value.ownGradient();
  }

  /** Adds to an input's gradient a new tensor, whose memory nobody else has. */
  void add(int input, Tensor gradient) {
    add(input, gradient, true);
  }

  /** Adds to an input's gradient a tensor that others may have, too. */
  void addShared(int input, Tensor gradient) {
    add(input, gradient, false);
  }

  private void add(int input, Tensor gradient, boolean fresh) {
    TapeValue value = inputs.get(input);
    if (value != null) {
      value.add(gradient, fresh);
    }
  }
}
