package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/**
 * The flags of training that say when a run is evaluated, saved and told of. Each sets a key of the
 * recipe.
 */
final class RunFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
  }

  @Option(
      names = "--eval-strategy",
      order = 501,
      paramLabel = "no|steps|epoch",
      description = "When to evaluate.")
  void evalStrategy(String value) {
    flags.set("training.eval_strategy", value);
  }

  @Option(
      names = "--eval-steps",
      order = 502,
      paramLabel = "N",
      description = "Steps from evaluation to evaluation.")
  void evalSteps(String value) {
    flags.set("training.eval_steps", value);
  }

  @Option(
      names = "--eval-on-start",
      order = 503,
      description = "Evaluate before the first step, too.")
  void evalOnStart(boolean value) {
    flags.set("training.eval_on_start", Boolean.toString(value));
  }

  @Option(
      names = "--keep-best",
      order = 504,
      paramLabel = "true|false",
      description = "Keep the best evaluation's weights, or the last step's.")
  void keepBest(String value) {
    flags.set("training.keep_best", value);
  }

  @Option(
      names = "--metric-for-best-model",
      order = 505,
      paramLabel = "METRIC",
      description = "What evaluations are compared by.")
  void metricForBestModel(String value) {
    flags.set("training.metric_for_best_model", value);
  }

  @Option(
      names = "--greater-is-better",
      order = 506,
      paramLabel = "true|false",
      description = "Of that metric; known for those of Lorikeet's own.")
  void greaterIsBetter(String value) {
    flags.set("training.greater_is_better", value);
  }

  @Option(
      names = "--early-stopping-patience",
      order = 507,
      paramLabel = "N",
      description = "End after N evaluations in a row without a gain.")
  void earlyStoppingPatience(String value) {
    flags.set("training.early_stopping_patience", value);
  }

  @Option(
      names = "--early-stopping-threshold",
      order = 508,
      paramLabel = "GAIN",
      description = "A gain must be above this.")
  void earlyStoppingThreshold(String value) {
    flags.set("training.early_stopping_threshold", value);
  }

  @Option(
      names = "--save-strategy",
      order = 601,
      paramLabel = "no|steps|epoch",
      description = "When to save a checkpoint to resume from.")
  void saveStrategy(String value) {
    flags.set("training.save_strategy", value);
  }

  @Option(
      names = "--save-steps",
      order = 602,
      paramLabel = "N",
      description = "Steps from checkpoint to checkpoint.")
  void saveSteps(String value) {
    flags.set("training.save_steps", value);
  }

  @Option(
      names = "--save-total-limit",
      order = 603,
      paramLabel = "N",
      description = "Keep the N newest checkpoints; 0 for all.")
  void saveTotalLimit(String value) {
    flags.set("training.save_total_limit", value);
  }

  @Option(
      names = "--logging-steps",
      order = 801,
      paramLabel = "N",
      description = "Log every so many steps.")
  void loggingSteps(String value) {
    flags.set("training.logging_steps", value);
  }

  @Option(
      names = "--report-to",
      order = 802,
      paramLabel = "TRACKERS",
      description = "tensorboard, mlflow, both with a comma between them, or none.")
  void reportTo(String value) {
    flags.set("training.report_to", value);
  }

  @Option(
      names = "--logging-dir",
      order = 803,
      paramLabel = "DIR",
      description = "For TensorBoard; unless given, runs in the output.")
  void loggingDir(String value) {
    flags.set("training.logging_dir", value);
  }

  @Option(
      names = "--run-name",
      order = 804,
      paramLabel = "NAME",
      description = "What trackers call the run.")
  void runName(String value) {
    flags.set("training.run_name", value);
  }
}
