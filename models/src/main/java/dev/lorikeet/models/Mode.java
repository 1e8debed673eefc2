package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;

/** How a model computes at the moment; shared by all its layers and adapters. */
public final class Mode {
  private final DType dtype;
  private final Device device;
  private boolean training;

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

  void training(boolean on) {
    training = on;
  }
}
