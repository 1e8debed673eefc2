package dev.lorikeet.training;

import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a training run; with the records in it the one place of their defaults.
 *
 * @param lr the peak learning rate of parameters that no group names
 * @param groups other learning rates and decays, by pattern; the first that matches counts
 * @param weightDecay decoupled weight decay of matrices; biases and norms never decay
 * @param epochs passes over the training data
 * @param maxSteps the run has so many steps, whatever {@code epochs} says; −1 to go by the epochs
 * @param batchSize examples a batch
 * @param gradientAccumulation batches a step
 * @param maxTokensPerPass at most so many positions go through the model at once, and larger
 *     batches in parts, with the same gradients; 0 for no limit, null for what suits the device
 * @param maxGradNorm gradients are scaled down to this norm, over all parameters together; 0 for
 *     never
 * @param optimizer how gradients become steps
 * @param schedule how the learning rate changes
 * @param rates learning rates by where a parameter lies
 * @param freeze what is frozen, for good or at first
 * @param evaluation when a run is evaluated, and what follows
 * @param checkpoint when a run is saved
 * @param regularization what keeps the run from learning its examples by heart
 * @param nonFinite what becomes of steps with NaN or infinity
 * @param throughput what saves time
 * @param masking what a masked language model has to find
 * @param logging what is told of a run while it goes on
 * @param seed of data order and dropout
 */
public record TrainingConfig(
    double lr,
    List<GroupRule> groups,
    double weightDecay,
    int epochs,
    int maxSteps,
    int batchSize,
    int gradientAccumulation,
    @Nullable Integer maxTokensPerPass,
    double maxGradNorm,
    OptimizerConfig optimizer,
    ScheduleConfig schedule,
    RateConfig rates,
    FreezeConfig freeze,
    EvaluationConfig evaluation,
    CheckpointConfig checkpoint,
    RegularizationConfig regularization,
    NonFiniteConfig nonFinite,
    ThroughputConfig throughput,
    MaskingConfig masking,
    LoggingConfig logging,
    long seed) {

  /** The defaults. */
  public static final TrainingConfig DEFAULT =
      new TrainingConfig(
          1e-3,
          List.of(),
          0.01,
          3,
          -1,
          32,
          1,
          null,
          1.0,
          OptimizerConfig.DEFAULT,
          ScheduleConfig.DEFAULT,
          RateConfig.DEFAULT,
          FreezeConfig.NONE,
          EvaluationConfig.DEFAULT,
          CheckpointConfig.DEFAULT,
          RegularizationConfig.NONE,
          NonFiniteConfig.DEFAULT,
          ThroughputConfig.DEFAULT,
          MaskingConfig.DEFAULT,
          LoggingConfig.DEFAULT,
          1);

  /**
   * Enough rows to keep a CPU's matrix products busy, few enough for activations to stay small. A
   * GPU has no limit.
   */
  private static final int CPU_TOKENS_PER_PASS = 1024;

  public TrainingConfig {
    groups = List.copyOf(groups);
    atLeast("lr", lr, 0);
    atLeast("weight_decay", weightDecay, 0);
    atLeast("epochs", epochs, 1);
    if (maxSteps < 1 && maxSteps != -1) {
      throw new UsageException(
          "max_steps is " + maxSteps + ": it must be at least 1, or -1 to go by the epochs");
    }
    atLeast("batch_size", batchSize, 1);
    atLeast("gradient_accumulation", gradientAccumulation, 1);
    atLeast("max_tokens_per_pass", maxTokensPerPass == null ? 0 : maxTokensPerPass, 0);
    atLeast("max_grad_norm", maxGradNorm, 0);
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

  /** The positions that go through the model at once on a device. */
  int maxTokensPerPass(Device device) {
    if (maxTokensPerPass == null) {
      return device.isCuda() ? Integer.MAX_VALUE : CPU_TOKENS_PER_PASS;
    }
    return maxTokensPerPass == 0 ? Integer.MAX_VALUE : maxTokensPerPass;
  }

  // ---- the same but for ----

  /** The same settings but for what {@code change} sets. */
  public TrainingConfig with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  public TrainingConfig withLr(double newLr, List<GroupRule> newGroups) {
    return with(
        draft -> {
          draft.lr = newLr;
          draft.groups = newGroups;
        });
  }

  public TrainingConfig withEpochs(int newEpochs) {
    return with(draft -> draft.epochs = newEpochs);
  }

  public TrainingConfig withBatchSize(int newBatchSize, int newGradientAccumulation) {
    return with(
        draft -> {
          draft.batchSize = newBatchSize;
          draft.gradientAccumulation = newGradientAccumulation;
        });
  }

  public TrainingConfig withSeed(long newSeed) {
    return with(draft -> draft.seed = newSeed);
  }

  /** Settings on their way to others; each field is the component of its name. */
  public static final class Draft {
    public double lr;
    public List<GroupRule> groups;
    public double weightDecay;
    public int epochs;
    public int maxSteps;
    public int batchSize;
    public int gradientAccumulation;
    public @Nullable Integer maxTokensPerPass;
    public double maxGradNorm;
    public OptimizerConfig optimizer;
    public ScheduleConfig schedule;
    public RateConfig rates;
    public FreezeConfig freeze;
    public EvaluationConfig evaluation;
    public CheckpointConfig checkpoint;
    public RegularizationConfig regularization;
    public NonFiniteConfig nonFinite;
    public ThroughputConfig throughput;
    public MaskingConfig masking;
    public LoggingConfig logging;
    public long seed;

    private Draft(TrainingConfig config) {
      lr = config.lr;
      groups = config.groups;
      weightDecay = config.weightDecay;
      epochs = config.epochs;
      maxSteps = config.maxSteps;
      batchSize = config.batchSize;
      gradientAccumulation = config.gradientAccumulation;
      maxTokensPerPass = config.maxTokensPerPass;
      maxGradNorm = config.maxGradNorm;
      optimizer = config.optimizer;
      schedule = config.schedule;
      rates = config.rates;
      freeze = config.freeze;
      evaluation = config.evaluation;
      checkpoint = config.checkpoint;
      regularization = config.regularization;
      nonFinite = config.nonFinite;
      throughput = config.throughput;
      masking = config.masking;
      logging = config.logging;
      seed = config.seed;
    }

    private TrainingConfig finish() {
      return new TrainingConfig(
          lr,
          groups,
          weightDecay,
          epochs,
          maxSteps,
          batchSize,
          gradientAccumulation,
          maxTokensPerPass,
          maxGradNorm,
          optimizer,
          schedule,
          rates,
          freeze,
          evaluation,
          checkpoint,
          regularization,
          nonFinite,
          throughput,
          masking,
          logging,
          seed);
    }
  }
}
