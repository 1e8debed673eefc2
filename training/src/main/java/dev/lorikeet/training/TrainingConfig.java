package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.List;

/**
 * The settings of a training run; the one place of their defaults.
 *
 * @param lr the peak learning rate of parameters that no group names
 * @param groups other learning rates and decays, by pattern; the first that matches counts
 * @param epochs passes over the training data
 * @param batchSize examples a batch
 * @param gradientAccumulation batches a step
 * @param weightDecay decoupled weight decay of matrices; biases and norms never decay
 * @param warmupRatio the share of steps in which the learning rate rises from zero
 * @param schedule how the learning rate falls afterwards
 * @param maxGradNorm gradients are scaled down to this norm, over all parameters together; 0 for
 *     never
 * @param beta1 AdamW's decay of the gradients' mean
 * @param beta2 AdamW's decay of their squares' mean
 * @param eps AdamW's ε
 * @param seed of data order and dropout
 * @param keepBest whether the parameters of the best epoch are kept, or those of the last
 */
public record TrainingConfig(
    double lr,
    List<GroupRule> groups,
    int epochs,
    int batchSize,
    int gradientAccumulation,
    double weightDecay,
    double warmupRatio,
    Schedule schedule,
    double maxGradNorm,
    double beta1,
    double beta2,
    double eps,
    long seed,
    boolean keepBest) {

  /** The defaults. */
  public static final TrainingConfig DEFAULT =
      new TrainingConfig(
          1e-3, List.of(), 3, 32, 1, 0.01, 0.06, Schedule.LINEAR, 1.0, 0.9, 0.999, 1e-8, 1, true);

  public TrainingConfig {
    groups = List.copyOf(groups);
    atLeast("lr", lr, 0);
    atLeast("epochs", epochs, 1);
    atLeast("batch_size", batchSize, 1);
    atLeast("gradient_accumulation", gradientAccumulation, 1);
    atLeast("weight_decay", weightDecay, 0);
    atLeast("max_grad_norm", maxGradNorm, 0);
    below1("warmup_ratio", warmupRatio);
    below1("beta1", beta1);
    below1("beta2", beta2);
  }

  private static void atLeast(String key, double value, double least) {
    if (!(value >= least)) {
      throw new UsageException(
          key + " is " + plain(value) + ": it must be at least " + plain(least));
    }
  }

  /** A whole number without its decimal point. */
  private static String plain(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  private static void below1(String key, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new UsageException(key + " is " + value + ": it must be at least 0 and below 1");
    }
  }

  public TrainingConfig withLr(double newLr, List<GroupRule> newGroups) {
    return new TrainingConfig(
        newLr,
        newGroups,
        epochs,
        batchSize,
        gradientAccumulation,
        weightDecay,
        warmupRatio,
        schedule,
        maxGradNorm,
        beta1,
        beta2,
        eps,
        seed,
        keepBest);
  }

  public TrainingConfig withEpochs(int newEpochs) {
    return new TrainingConfig(
        lr,
        groups,
        newEpochs,
        batchSize,
        gradientAccumulation,
        weightDecay,
        warmupRatio,
        schedule,
        maxGradNorm,
        beta1,
        beta2,
        eps,
        seed,
        keepBest);
  }

  public TrainingConfig withBatchSize(int newBatchSize, int newGradientAccumulation) {
    return new TrainingConfig(
        lr,
        groups,
        epochs,
        newBatchSize,
        newGradientAccumulation,
        weightDecay,
        warmupRatio,
        schedule,
        maxGradNorm,
        beta1,
        beta2,
        eps,
        seed,
        keepBest);
  }

  public TrainingConfig withSeed(long newSeed) {
    return new TrainingConfig(
        lr,
        groups,
        epochs,
        batchSize,
        gradientAccumulation,
        weightDecay,
        warmupRatio,
        schedule,
        maxGradNorm,
        beta1,
        beta2,
        eps,
        newSeed,
        keepBest);
  }
}
