package dev.lorikeet.training;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * What training an adapter takes beside weights, adapter and activations, in bytes. Trained tensors
 * are float32 in any precision, and so are their gradients and what the optimizer remembers.
 *
 * @param frozenParameters of the adapter, which stay as they are by {@code freeze_layers}, {@code
 *     freeze_embeddings} or {@code lora_fa}
 * @param gradients of all that trains at once
 * @param optimizer what it remembers
 */
public record TrainingMemory(long frozenParameters, long gradients, long optimizer) {
  /**
   * What a run would take.
   *
   * @param adapter may be that of a plan
   * @throws dev.lorikeet.torch.UsageException when the settings freeze nothing, or everything
   */
  public static TrainingMemory of(Adapter adapter, TrainingConfig config) {
    Model model = adapter.model();
    Layers layers = Layers.of(model);
    Freezing freezing = new Freezing(Trainable.named(adapter), layers, config.freeze(), 1);
    GroupOptimizer.Memory memory = config.optimizer().memory();
    List<Tensor> trained =
        freezing.trained().stream().map(trainable -> trainable.parameter().original()).toList();
    return new TrainingMemory(
        freezing.frozen().stream().mapToLong(trainable -> trainable.parameter().count()).sum(),
        bytes(trained.stream().mapToLong(Tensor::count).sum()),
        bytes(trained.stream().mapToLong(tensor -> remembered(memory, tensor.shape())).sum()));
  }

  private static long remembered(GroupOptimizer.Memory memory, long[] shape) {
    return memory.of(shape).values().stream()
        .mapToLong(remembered -> Arrays.stream(remembered).reduce(1, Math::multiplyExact))
        .sum();
  }

  private static long bytes(long elements) {
    return elements * DType.FLOAT32.bytes();
  }
}
