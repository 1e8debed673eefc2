package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Draft;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a training run; with the records in it the one place of their defaults. The seed
 * is that of data order and dropout.
 */
@Setting.Group("Training")
public record TrainingConfig(
    @Setting(value = "The peak learning rate.", label = "RATE") @Setting.Range(atLeast = 0)
        double lr,
    @Setting(
            value =
                "Another rate for lora_A, lora_B, head, layer.N or a regular expression; the first counts.",
            flag = "--lr-group",
            label = "PATTERN=RATE",
            form = GroupRule.Rules.class)
        List<GroupRule> groups,
    @Setting(value = "Weight decay of matrices; biases and norms never decay.", label = "RATE")
        @Setting.Range(atLeast = 0)
        double weightDecay,
    @Setting("Passes over the training data.") @Setting.Range(atLeast = 1) int epochs,
    @Setting("End after N steps, whatever the epochs; -1 to go by the epochs.") int maxSteps,
    @Setting("Examples a batch.") @Setting.Range(atLeast = 1) int batchSize,
    @Setting("Batches a step.") @Setting.Range(atLeast = 1) int gradientAccumulation,
    @Setting("Larger batches go through the model in parts: 1024 on a CPU; 0 for never.")
        @Setting.Range(atLeast = 0)
        @Nullable Integer maxTokensPerPass,
    @Setting(
            value =
                "Gradients are scaled down to this norm, over all parameters together; 0 for never.",
            label = "NORM")
        @Setting.Range(atLeast = 0)
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
    Bounds.check(
        TrainingConfig.class,
        lr,
        groups,
        weightDecay,
        epochs,
        maxSteps,
        batchSize,
        gradientAccumulation,
        maxTokensPerPass,
        maxGradNorm);
    if (maxSteps < 1 && maxSteps != -1) {
      throw new UsageException(
          "max_steps is " + maxSteps + ": it must be at least 1, or -1 to go by the epochs");
    }
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
  public TrainingConfig with(Consumer<Change> change) {
    return Draft.changed(new Change(this), change);
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

  /** Settings on their way to others. */
  @SuppressWarnings("NullAway.Init")
  public static final class Change extends Draft<TrainingConfig> {
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

    private Change(TrainingConfig config) {
      super(config);
    }
  }
}
