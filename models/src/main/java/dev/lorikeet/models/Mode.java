package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import org.jspecify.annotations.Nullable;

/** How a model computes at the moment; shared by all its layers and adapters. */
public final class Mode {
  private final DType dtype;
  private final Device device;
  private boolean training;
  private @Nullable Tape tape;

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

  void training(boolean on) {
    training = on;
  }
}
