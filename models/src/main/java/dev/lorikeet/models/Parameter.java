package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A named tensor of a model or an adapter. A model's parameters carry the names of its checkpoint.
 *
 * <p>A parameter answers with its own tensor, or with a substitute that an adapter lends it: a
 * merged weight, or the adapter's own copy of a module that is trained whole. Taking the substitute
 * away leaves the original exactly as it was.
 *
 * <p>Threads: any number may read it; who trains, substitutes or frees it has the model to itself
 * ({@link Model#exclusive}).
 */
public final class Parameter {
  private final String name;
  private final Scope owner;
  private final @Nullable Parameter shared;
  private Tensor value;
  private final Deque<Parameter> substitutes = new ArrayDeque<>();
  private boolean trainable;

  /**
   * A frozen parameter.
   *
   * @param owner the scope that the tensor is moved to
   */
  public Parameter(String name, Tensor value, Scope owner) {
    this.name = name;
    this.owner = owner;
    this.shared = null;
    this.value = owner.adopt(value);
  }

  private Parameter(String name, Parameter shared) {
    this.name = name;
    this.owner = shared.owner;
    this.shared = shared;
    this.value = shared.value;
  }

  /**
   * Another use of this parameter, as an output head makes of the embedding table: it answers with
   * whatever this one answers with, but a substitute of its own is seen by that use alone.
   */
  public Parameter use(String useName) {
    return new Parameter(useName, this);
  }

  /** This parameter, or where it has another name a use of it under that. */
  Parameter as(String useName) {
    return name.equals(useName) ? this : use(useName);
  }

  /** The parameter that this is a use of, or this one. */
  public Parameter shared() {
    return shared == null ? this : shared;
  }

  public String name() {
    return name;
  }

  /** The tensor that the model computes with now. */
  public Tensor value() {
    if (!substitutes.isEmpty()) {
      return substitutes.getLast().value();
    }
    return shared == null ? value : shared.value();
  }

  /** The tensor that the model computes with now, converted where it is stored in another type. */
  public Tensor value(DType computeType) {
    return value().to(computeType);
  }

  /** The parameter's own tensor, whatever substitutes it. */
  public Tensor original() {
    return shared == null ? value : shared.original();
  }

  /** Lets another parameter answer in this one's place, and in that of any other substitute. */
  public void substitute(Parameter other) {
    restore(other);
    substitutes.addLast(other);
  }

  /** Takes a substitute away, if it is one. */
  public void restore(Parameter other) {
    substitutes.remove(other);
  }

  /** Frees the parameter's own tensor; it must not be used again. */
  public void free() {
    owner.release(value);
  }

  public boolean isTrainable() {
    return trainable;
  }

  /**
   * Makes the parameter trainable: it gets memory of its own, in float32 and row by row, and
   * gradients can be asked for.
   */
  public void train() {
    if (trainable) {
      return;
    }
    try (Scope scope = Scope.open()) {
      Tensor own = value.dtype() == DType.FLOAT32 ? value.copy() : value.to(DType.FLOAT32);
      replace(own.contiguous());
    }
    value.requiresGrad(true);
    trainable = true;
  }

  /** Ends training: the value stays, gradients can no longer be asked for. */
  public void freeze() {
    if (trainable) {
      value.requiresGrad(false);
      trainable = false;
    }
  }

  /** The number of elements. */
  public long count() {
    return original().count();
  }

  private void replace(Tensor tensor) {
    Tensor old = value;
    value = owner.adopt(tensor);
    owner.release(old);
  }

  @Override
  public String toString() {
    return name + " " + original();
  }
}
