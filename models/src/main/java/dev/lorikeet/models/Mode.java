package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Tensor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** How a model computes at the moment; shared by all its layers and adapters. */
public final class Mode {
  private final DType dtype;
  private final Device device;
  private boolean training;
  private @Nullable Tape tape;
  private @Nullable StepWeights stepWeights;

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

  /** Whether dropout is on. */
  public boolean isTraining() {
    return training;
  }

  /**
   * Where layers record what their parameters' gradients are made of; null when nobody asks for it.
   */
  public @Nullable Tape tape() {
    return tape;
  }

  void tape(@Nullable Tape newTape) {
    tape = newTape;
  }

  /**
   * A weight made of trained parameters, without gradients: the same for all parts of a step.
   *
   * @param owner whose it is
   */
  public Tensor weight(Object owner, Supplier<Tensor> make) {
    return stepWeights == null ? make.get() : stepWeights.get(owner, make);
  }

  void stepWeights(@Nullable StepWeights newWeights) {
    stepWeights = newWeights;
  }

  void training(boolean on) {
    training = on;
  }
}
