package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Draft;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * When a run is evaluated, and what follows from it. The names are those of transformers'
 * TrainingArguments, where there are such.
 */
@Setting.Group("Evaluation")
public record EvaluationConfig(
    @Setting("When to evaluate, where there are evaluation data.") IntervalStrategy evalStrategy,
    @Setting(value = "Steps from evaluation to evaluation, or below 1 a share of all.", label = "N")
        double evalSteps,
    @Setting("Evaluate before the first step, too.") boolean evalOnStart,
    @Setting(value = "Keep the best evaluation's weights, or the last step's.", on = true)
        boolean keepBest,
    @Setting(
            value = "What evaluations are compared by; unless given, the task's own metric.",
            label = "METRIC")
        @Nullable String metricForBestModel,
    @Setting("Whether that metric should be great; known for those of Lorikeet's own.")
        @Nullable Boolean greaterIsBetter,
    @Setting("End after N evaluations in a row without a gain.") @Setting.Range(atLeast = 1)
        @Nullable Integer earlyStoppingPatience,
    @Setting(value = "A gain must be above this.", label = "GAIN") @Setting.Range(atLeast = 0)
        double earlyStoppingThreshold) {
  /** After each epoch; the best one's parameters are kept. */
  public static final EvaluationConfig DEFAULT = new EvaluationConfig(true);

  private static final int EVAL_STEPS = 500;
  private static final String PREFIX = "eval_";
  private static final String LOSS = "loss";

  /** What should be small. */
  private static final Set<String> SMALLER_IS_BETTER =
      Set.of(LOSS, "perplexity", "mse", "rmse", "mae");

  public EvaluationConfig {
    IntervalStrategy.check("eval_steps", evalSteps);
    if (evalStrategy == IntervalStrategy.NO) {
      mustNotBe("metric_for_best_model", metricForBestModel, "eval_strategy is no");
      mustNotBe("early_stopping_patience", earlyStoppingPatience, "eval_strategy is no");
    }
    if (metricForBestModel == null) {
      mustNotBe("greater_is_better", greaterIsBetter, "metric_for_best_model is missing");
    }
    if (earlyStoppingPatience == null && earlyStoppingThreshold != 0) {
      mustNotBe(
          "early_stopping_threshold", earlyStoppingThreshold, "early_stopping_patience is missing");
    }
    Bounds.check(
        EvaluationConfig.class,
        evalStrategy,
        evalSteps,
        evalOnStart,
        keepBest,
        metricForBestModel,
        greaterIsBetter,
        earlyStoppingPatience,
        earlyStoppingThreshold);
  }

  private static void mustNotBe(String key, @Nullable Object value, String because) {
    if (value != null) {
      throw new UsageException(
          key + " is " + value + ", and " + because + ": set that, or leave " + key + " out");
    }
  }

  /** After each epoch, by the task's own metric. */
  public EvaluationConfig(boolean keepBest) {
    this(IntervalStrategy.EPOCH, EVAL_STEPS, false, keepBest, null, null, null, 0);
  }

  /**
   * What an evaluation is compared by; greater is better.
   *
   * @throws UsageException when it lacks the metric, naming the nearest
   */
  double score(Evaluation evaluation) {
    if (metricForBestModel == null) {
      return evaluation.score();
    }
    String metric =
        metricForBestModel.startsWith(PREFIX)
            ? metricForBestModel.substring(PREFIX.length())
            : metricForBestModel;
    Double value =
        metric.equals(LOSS) ? (Double) evaluation.loss() : evaluation.metrics().get(metric);
    if (value == null) {
      Set<String> names = new LinkedHashSet<>(evaluation.metrics().keySet());
      names.add(LOSS);
      throw new UsageException(
          "metric_for_best_model is "
              + metricForBestModel
              + ", which this task has not; nearest: "
              + String.join(", ", Nearest.of(metric, names, 2)));
    }
    boolean greater =
        greaterIsBetter == null ? !SMALLER_IS_BETTER.contains(metric) : greaterIsBetter;
    return greater ? value : -value;
  }

  /** The first setting that needs evaluation data, as {@code key is value}; null when none does. */
  @Nullable String needsData() {
    if (evalStrategy == IntervalStrategy.STEPS) {
      return "eval_strategy is steps";
    }
    if (evalOnStart) {
      return "eval_on_start is true";
    }
    if (metricForBestModel != null) {
      return "metric_for_best_model is " + metricForBestModel;
    }
    return earlyStoppingPatience == null
        ? null
        : "early_stopping_patience is " + earlyStoppingPatience;
  }

  /** The same settings but for what {@code change} sets. */
  public EvaluationConfig with(Consumer<Change> change) {
    return Draft.changed(new Change(this), change);
  }

  /** Settings on their way to others. */
  @SuppressWarnings("NullAway.Init")
  public static final class Change extends Draft<EvaluationConfig> {
    public IntervalStrategy evalStrategy;
    public double evalSteps;
    public boolean evalOnStart;
    public boolean keepBest;
    public @Nullable String metricForBestModel;
    public @Nullable Boolean greaterIsBetter;
    public @Nullable Integer earlyStoppingPatience;
    public double earlyStoppingThreshold;

    private Change(EvaluationConfig config) {
      super(config);
    }
  }
}
