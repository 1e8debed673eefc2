package dev.lorikeet.training;

import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * When a run is evaluated, and what follows from it. The names are those of transformers'
 * TrainingArguments, where there are such.
 *
 * @param evalStrategy how often it is evaluated, where there are evaluation data
 * @param evalSteps for {@link IntervalStrategy#STEPS}: so many steps, or a share of all below 1
 * @param evalOnStart whether also before the first step, which is never the best
 * @param keepBest whether the parameters of the best evaluation are kept, or those of the last step
 * @param metricForBestModel the metric that evaluations are compared by, with or without {@code
 *     eval_} before it; null for the task's own
 * @param greaterIsBetter whether it should be great; null for what is right for the metric
 * @param earlyStoppingPatience after so many evaluations in a row without a gain the run ends; null
 *     for never
 * @param earlyStoppingThreshold what is above the best score by this much or less is no gain
 */
public record EvaluationConfig(
    IntervalStrategy evalStrategy,
    double evalSteps,
    boolean evalOnStart,
    boolean keepBest,
    @Nullable String metricForBestModel,
    @Nullable Boolean greaterIsBetter,
    @Nullable Integer earlyStoppingPatience,
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
    if (earlyStoppingPatience != null && earlyStoppingPatience < 1) {
      throw new UsageException(
          "early_stopping_patience is " + earlyStoppingPatience + ": it must be at least 1");
    }
    if (!(earlyStoppingThreshold >= 0)) {
      throw new UsageException(
          "early_stopping_threshold is " + earlyStoppingThreshold + ": it must be at least 0");
    }
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
  public EvaluationConfig with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** Settings on their way to others; each field is the component of its name. */
  public static final class Draft {
    public IntervalStrategy evalStrategy;
    public double evalSteps;
    public boolean evalOnStart;
    public boolean keepBest;
    public @Nullable String metricForBestModel;
    public @Nullable Boolean greaterIsBetter;
    public @Nullable Integer earlyStoppingPatience;
    public double earlyStoppingThreshold;

    private Draft(EvaluationConfig config) {
      evalStrategy = config.evalStrategy;
      evalSteps = config.evalSteps;
      evalOnStart = config.evalOnStart;
      keepBest = config.keepBest;
      metricForBestModel = config.metricForBestModel;
      greaterIsBetter = config.greaterIsBetter;
      earlyStoppingPatience = config.earlyStoppingPatience;
      earlyStoppingThreshold = config.earlyStoppingThreshold;
    }

    private EvaluationConfig finish() {
      return new EvaluationConfig(
          evalStrategy,
          evalSteps,
          evalOnStart,
          keepBest,
          metricForBestModel,
          greaterIsBetter,
          earlyStoppingPatience,
          earlyStoppingThreshold);
    }
  }
}
