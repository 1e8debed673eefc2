package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which of a run's features are computed once for all epochs. */
final class FeatureKeeping {
  private final TrainingConfig config;
  private final TrainingData data;
  private final List<EncodedExample> evaluationData;
  private final TrainingListener listener;

  /**
   * As a run's settings say.
   *
   * @throws UsageException when what is to be kept changes from step to step
   */
  FeatureKeeping(
      TrainingConfig config,
      TrainingData data,
      List<EncodedExample> evaluationData,
      TrainingListener listener) {
    this.config = config;
    this.data = data;
    this.evaluationData = evaluationData;
    this.listener = listener;
    if (config.throughput().cacheFrozenLayers() && (isNoisy() || !data.isFixed())) {
      throw new UsageException(
          "cache_frozen_layers keeps what the first layers make of each text, and "
              + (isNoisy()
                  ? "neftune_noise_alpha changes it in each step"
                  : "augmentation changes texts in each epoch")
              + ": leave one of them out");
    }
  }

  private boolean isNoisy() {
    return config.regularization().neftuneNoiseAlpha() > 0;
  }

  /** Keeps what may be kept, as long as the present scope is open, and tells of it. */
  void keep(Features training, Features evaluation) {
    if (mayKeepWhatTheHeadReads()) {
      keep(training, evaluation, Features::keep);
    }
    if (config.throughput().cacheFrozenLayers() && !training.areKept()) {
      keep(training, evaluation, Features::keepFrozenLayers);
    }
  }

  /** Not where somebody asked for dropout below the head. */
  private boolean mayKeepWhatTheHeadReads() {
    return config.throughput().cacheFeatures()
        && data.isFixed()
        && !isNoisy()
        && config.regularization().dropouts().hidden() == null
        && config.regularization().dropouts().attention() == null;
  }

  /** One way to keep features: what the user should know of it, or null. */
  @FunctionalInterface
  private interface Way {
    @Nullable String keep(Features features, List<EncodedExample> examples);
  }

  /** Keeps those of the training data, and then of what is scored on the way. */
  private void keep(Features training, Features evaluation, Way way) {
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
