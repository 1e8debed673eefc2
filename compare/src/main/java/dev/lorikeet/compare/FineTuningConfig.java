package dev.lorikeet.compare;

import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingConfig;

/**
 * All settings of a fine-tuning run but its data.
 *
 * @param task the head to train
 * @param problemType what a sequence's labels are; for other tasks it does not matter
 * @param regime what is trained
 * @param lora the adapter, for {@link Regime#LORA}
 * @param training the loop
 * @param initialization of the weights, for {@link Regime#SCRATCH}
 * @param maxLength texts are cut to this many tokens, special ones included
 * @param trainOn which tokens of chats, and of prompts with completions, a causal language model
 *     learns
 * @param precision of activations and frozen weights: float32 or bfloat16
 */
public record FineTuningConfig(
    Task task,
    ProblemType problemType,
    Regime regime,
    LoraConfig lora,
    TrainingConfig training,
    Initialization initialization,
    int maxLength,
    TrainOn trainOn,
    DType precision,
    Device device) {

  /** One label a text, LoRA, at most 128 tokens, float32 on the CPU. */
  public static final FineTuningConfig DEFAULT =
      new FineTuningConfig(
          Task.SEQUENCE_CLASSIFICATION,
          ProblemType.SINGLE_LABEL,
          Regime.LORA,
          LoraConfig.DEFAULT,
          TrainingConfig.DEFAULT,
          Initialization.PAPER,
          128,
          TrainOn.ASSISTANT,
          DType.FLOAT32,
          Device.CPU);

  public FineTuningConfig {
    if (maxLength < 3) {
      throw new UsageException(
          "max_length is "
              + maxLength
              + ": it must leave room for a token between two special ones, 3");
    }
    if (precision != DType.FLOAT32 && precision != DType.BFLOAT16) {
      throw new UsageException("precision is " + precision + ": use float32 or bfloat16");
    }
  }

  /** With another head. */
  public FineTuningConfig withTask(Task other, ProblemType type) {
    return new FineTuningConfig(
        other, type, regime, lora, training, initialization, maxLength, trainOn, precision, device);
  }

  /** With an adapter of these settings. */
  public FineTuningConfig withLora(LoraConfig other) {
    return new FineTuningConfig(
        task,
        problemType,
        Regime.LORA,
        other,
        training,
        initialization,
        maxLength,
        trainOn,
        precision,
        device);
  }

  /** Training something else. */
  public FineTuningConfig withRegime(Regime other, Initialization start) {
    return new FineTuningConfig(
        task, problemType, other, lora, training, start, maxLength, trainOn, precision, device);
  }

  /** With another training loop. */
  public FineTuningConfig withTraining(TrainingConfig other) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        lora,
        other,
        initialization,
        maxLength,
        trainOn,
        precision,
        device);
  }

  /** With texts cut elsewhere. */
  public FineTuningConfig withMaxLength(int tokens) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        lora,
        training,
        initialization,
        tokens,
        trainOn,
        precision,
        device);
  }

  /** With another part of the chats to learn. */
  public FineTuningConfig withTrainOn(TrainOn other) {
    return new FineTuningConfig(
        task,
        problemType,
        regime,
        lora,
        training,
        initialization,
        maxLength,
        other,
        precision,
        device);
  }
}
