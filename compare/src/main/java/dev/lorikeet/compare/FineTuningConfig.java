package dev.lorikeet.compare;

import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingConfig;
import org.jspecify.annotations.Nullable;

/**
 * All settings of a fine-tuning run but its data.
 *
 * @param task the head to train
 * @param problemType what a sequence's labels are; for other tasks it does not matter
 * @param regime what is trained
 * @param adapter the adapter, for {@link Regime#ADAPTER}
 * @param training the loop
 * @param initialization of the weights, for {@link Regime#SCRATCH}
 * @param maxLength texts are cut to this many tokens, special ones included
 * @param trainOn which tokens of chats, and of prompts with completions, a causal language model
 *     learns
 * @param precision of activations and frozen weights: float32, bfloat16 or, on a GPU, float16
 * @param padToken the padding token of a model that has none; null for the model's own
 */
public record FineTuningConfig(
    Task task,
    ProblemType problemType,
    Regime regime,
    AdapterConfig adapter,
    TrainingConfig training,
    Initialization initialization,
    int maxLength,
    TrainOn trainOn,
    DType precision,
    Device device,
    @Nullable String padToken) {

  /** One label a text, LoRA, at most 128 tokens, float32 on the CPU. */
  public static final FineTuningConfig DEFAULT =
      new FineTuningConfig(
          Tasks.DEFAULT,
          ProblemType.SINGLE_LABEL,
          Regime.ADAPTER,
          LoraConfig.DEFAULT,
          TrainingConfig.DEFAULT,
          Initialization.PAPER,
          128,
          TrainOn.ASSISTANT,
          DType.FLOAT32,
          Device.CPU,
          null);

  public FineTuningConfig {
    if (maxLength < 3) {
      throw new UsageException(
          "max_length is "
              + maxLength
              + ": it must leave room for a token between two special ones, 3");
    }
    if (padToken != null) {
      mustTakePadToken(task);
    }
    if (precision != DType.FLOAT32 && precision != DType.BFLOAT16 && precision != DType.FLOAT16) {
      throw new UsageException("precision is " + precision + ": use float32 or bfloat16");
    }
    if (precision == DType.FLOAT16 && !device.isCuda()) {
      throw new UsageException(
          "precision is float16 and device is "
              + device.name()
              + ": use bfloat16 or float32 there, or a GPU");
    }
  }

  /**
   * Checks that a padding token matters to a task.
   *
   * @throws UsageException when it does not
   */
  static void mustTakePadToken(Task task) {
    if (!task.takesPadToken()) {
      throw new UsageException(
          "a padding token is for sequence-classification, and the task is "
              + (task.id() + ": leave --pad-token out"));
    }
  }

  /** With another head. */
  public FineTuningConfig withTask(Task other, ProblemType type) {
    return new FineTuningConfig(
        other,
        type,
        regime,
        adapter,
        training,
        initialization,
        maxLength,
        trainOn,
        precision,
        device,
        padToken);
  }

  /** With an adapter of these settings. */
  public FineTuningConfig withAdapter(AdapterConfig other) {
    return new FineTuningConfig(
        task,
        problemType,
        Regime.ADAPTER,
        other,
        training,
        initialization,
        maxLength,
        trainOn,
        precision,
        device,
        padToken);
  }

  /** With LoRA of these settings. */
  public FineTuningConfig withLora(LoraConfig other) {
    return withAdapter(other);
  }

  /** What users call the method. */
  public String method() {
    return regime == Regime.ADAPTER
        ? AdapterMethods.ofType(adapter.peftType()).orElseThrow().id()
        : regime.id();
  }

  /** Training something else. */
  public FineTuningConfig withRegime(Regime other, Initialization start) {
    return new FineTuningConfig(
        task,
        problemType,
        other,
        adapter,
        training,
        start,
        maxLength,
        trainOn,
        precision,
        device,
        padToken);
  }

  /** With another training loop. */
  public FineTuningConfig withTraining(TrainingConfig other) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        adapter,
        other,
        initialization,
        maxLength,
        trainOn,
        precision,
        device,
        padToken);
  }

  /** With texts cut elsewhere. */
  public FineTuningConfig withMaxLength(int tokens) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        adapter,
        training,
        initialization,
        tokens,
        trainOn,
        precision,
        device,
        padToken);
  }

  /** With another part of the chats to learn. */
  public FineTuningConfig withTrainOn(TrainOn other) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        adapter,
        training,
        initialization,
        maxLength,
        other,
        precision,
        device,
        padToken);
  }
}
