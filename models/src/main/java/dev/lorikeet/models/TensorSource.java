package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A tensor that is to be written: what it is, and how to get it when its turn has come.
 *
 * @param value makes or reads the tensor, in the innermost scope
 */
@SuppressWarnings("ArrayRecordComponent") // sources are never compared
record TensorSource(DType dtype, long[] shape, Supplier<Tensor> value) {
  /** Tensors that are there already. */
  static Map<String, TensorSource> of(Map<String, Tensor> tensors) {
    Map<String, TensorSource> sources = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) ->
            sources.put(name, new TensorSource(tensor.dtype(), tensor.shape(), () -> tensor)));
    return sources;
  }

  /** The number of elements. */
  long count() {
    return Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  long bytes() {
    return Math.multiplyExact(count(), dtype.bytes());
  }

  /**
   * The tensor itself.
   *
   * @throws IllegalStateException when it is not what it was said to be
   */
  Tensor tensor() {
    Tensor tensor = value.get();
    if (tensor.dtype() != dtype || !Arrays.equals(tensor.shape(), shape)) {
      throw new IllegalStateException(tensor + " is not " + dtype + Arrays.toString(shape));
    }
    return tensor;
  }
}
