package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Has what is the same in every epoch computed once, before the first step. */
final class FeatureKeeping implements Hook {
  private final TrainingConfig config;
  private final TrainingData data;
  private final List<EncodedExample> evaluationData;
  private final Freezing freezing;
  private final Features training;
  private final Features evaluation;
  private final RunState state;
  private final TrainingListener listener;

  /** What is kept belongs to the scope that is open when the run starts. */
  FeatureKeeping(Trainer trainer, RunState state) {
    config = trainer.config;
    data = trainer.data;
    evaluationData = trainer.evaluationData;
    freezing = trainer.freezing;
    training = trainer.pass.features();
    evaluation = trainer.evaluator.features();
    listener = trainer.listener;
    this.state = state;
  }

  /**
   * Checks that what a run is to keep is the same in every step.
   *
   * @throws UsageException when it changes from step to step
   */
  static void check(TrainingConfig config, TrainingData data) {
    boolean noisy = isNoisy(config);
    if (config.throughput().cacheFrozenLayers() && (noisy || !data.isFixed())) {
      throw new UsageException(
          "cache_frozen_layers keeps what the first layers make of each text, and "
              + (noisy
                  ? "neftune_noise_alpha changes it in each step"
                  : "augmentation changes texts in each epoch")
              + ": leave one of them out");
    }
  }

  private static boolean isNoisy(TrainingConfig config) {
    return config.regularization().neftuneNoiseAlpha() > 0;
  }

  /** Keeps what may be kept, and tells of it. */
  @Override
  public void start() {
    freezing.beforeStep(Long.MAX_VALUE); // all that trains at some time
    state.startClock();
    if (mayKeepWhatTheHeadReads()) {
      keep(Features::keep);
    }
    if (config.throughput().cacheFrozenLayers() && !training.areKept()) {
      keep(Features::keepFrozenLayers);
    }
    state.stopClock();
  }

  /** Not where somebody asked for dropout below the head. */
  private boolean mayKeepWhatTheHeadReads() {
    return config.throughput().cacheFeatures()
        && data.isFixed()
        && !isNoisy(config)
        && config.regularization().dropouts().hidden() == null
        && config.regularization().dropouts().attention() == null;
  }

  /** One way to keep features: what the user should know of it, or null. */
  @FunctionalInterface
  private interface Way {
    @Nullable String keep(Features features, List<EncodedExample> examples);
  }

  /** Keeps those of the training data, and then of what is scored on the way. */
  private void keep(Way way) {
    String remark = way.keep(training, data.epoch(1));
    if (remark != null) {
      listener.remarked(remark);
    }
    if (training.areKept()
        && !evaluationData.isEmpty()
        && config.evaluation().evalStrategy() != IntervalStrategy.NO) {
      way.keep(evaluation, evaluationData);
    }
  }
}
