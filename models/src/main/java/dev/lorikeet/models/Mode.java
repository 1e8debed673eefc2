package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * How a model computes at the moment; shared by all its layers and adapters.
 *
 * <p>Threads: what changes from pass to pass, such as dropout and the tape, each thread has for
 * itself.
 */
public final class Mode {
  private final DType dtype;
  private final Device device;
  private final ThreadLocal<Pass> passes = ThreadLocal.withInitial(Pass::new);

  /** How a thread's passes compute. */
  private static final class Pass {
    private boolean training;
    private @Nullable Tape tape;
    private @Nullable StepWeights stepWeights;
    private @Nullable BlockFilter filter;
    private int filtered;
  }

  /** Stands between a pass and the model's blocks of layers. */
  @FunctionalInterface
  interface BlockFilter {
    /**
     * What a pass goes on with.
     *
     * @param index of the block in the pass, from 0
     * @param x what the pass would have the block read
     * @param block what the block answers
     */
    Tensor answer(int index, Tensor x, UnaryOperator<Tensor> block);
  }

  Mode(DType dtype, Device device) {
    this.dtype = dtype;
    this.device = device;
  }

  /** The type of activations, and of weights that are not trained. */
  public DType dtype() {
    return dtype;
  }

  public Device device() {
    return device;
  }

  /** Whether dropout is on, for this thread's passes. */
  public boolean isTraining() {
    return passes.get().training;
  }

  /**
   * Where layers record what their parameters' gradients are made of; null when nobody asks for it.
   */
  public @Nullable Tape tape() {
    return passes.get().tape;
  }

  /**
   * What a block of layers answers, in a scope of its own; a {@link Tape} may have it computed
   * again.
   *
   * @param x [B, T, D]
   * @param layers which read x, and else only what lives as long as the pass
   */
  Tensor block(Tensor x, UnaryOperator<Tensor> layers) {
    Pass pass = passes.get();
    return pass.filter == null
        ? answer(x, layers)
        : pass.filter.answer(pass.filtered++, x, read -> answer(read, layers));
  }

  private Tensor answer(Tensor x, UnaryOperator<Tensor> layers) {
    Tape tape = tape();
    return tape == null ? Scope.tidy(() -> layers.apply(x)) : tape.block(x, layers);
  }

  /** Runs one pass through the model with {@code newFilter} before each of its blocks. */
  Tensor filtered(BlockFilter newFilter, Supplier<Tensor> forward) {
    Pass pass = passes.get();
    pass.filter = newFilter;
    pass.filtered = 0;
    try {
      return forward.get();
    } finally {
      pass.filter = null;
    }
  }

  /** What several layers read: a {@link Tape} adds their gradients up before it goes on. */
  Tensor cut(Tensor x) {
    Tape recording = recording();
    return recording == null ? x : recording.cut(x);
  }

  /** The tape, where gradients of the present steps will be asked for; else null. */
  @Nullable Tape recording() {
    Tape tape = tape();
    return tape != null && GradMode.isEnabled() ? tape : null;
  }

  /** What all blocks answer, in a scope of its own where none of them is computed again. */
  Tensor blocks(Supplier<Tensor> pass) {
    Tape tape = tape();
    return tape != null && tape.recomputes() ? pass.get() : Scope.tidy(pass);
  }

  void tape(@Nullable Tape newTape) {
    passes.get().tape = newTape;
  }

  /**
   * A weight made of trained parameters, without gradients: the same for all parts of a step.
   *
   * @param owner whose it is
   */
  public Tensor weight(Object owner, Supplier<Tensor> make) {
    StepWeights stepWeights = passes.get().stepWeights;
    return stepWeights == null ? make.get() : stepWeights.get(owner, make);
  }

  void stepWeights(@Nullable StepWeights newWeights) {
    passes.get().stepWeights = newWeights;
  }

  void training(boolean on) {
    passes.get().training = on;
  }
}
