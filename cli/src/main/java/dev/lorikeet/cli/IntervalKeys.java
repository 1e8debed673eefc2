package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.CheckpointConfig;
import dev.lorikeet.training.EvaluationConfig;
import dev.lorikeet.training.IntervalStrategy;

/** The keys of the recipe's section {@code training} on evaluating and saving a run. */
final class IntervalKeys {
  private IntervalKeys() {}

  static EvaluationConfig evaluation(Section section, EvaluationConfig defaults) {
    return new EvaluationConfig(
        strategy(section, "eval_strategy", defaults.evalStrategy()),
        section.number("eval_steps", defaults.evalSteps()),
        section.flag("eval_on_start", defaults.evalOnStart()),
        section.flag("keep_best", defaults.keepBest()),
        section.text("metric_for_best_model", defaults.metricForBestModel()),
        section.has("greater_is_better")
            ? (Boolean) section.flag("greater_is_better", true)
            : defaults.greaterIsBetter(),
        section.has("early_stopping_patience")
            ? (Integer) section.integer("early_stopping_patience", 0)
            : defaults.earlyStoppingPatience(),
        section.number("early_stopping_threshold", defaults.earlyStoppingThreshold()));
  }

  static CheckpointConfig checkpoint(Section section, CheckpointConfig defaults) {
    return new CheckpointConfig(
        strategy(section, "save_strategy", defaults.saveStrategy()),
        section.number("save_steps", defaults.saveSteps()),
        section.integer("save_total_limit", defaults.saveTotalLimit()));
  }

  private static IntervalStrategy strategy(
      Section section, String key, IntervalStrategy otherwise) {
    String id = section.text(key, null);
    // YAML 1.1 reads a bare no as false.
    return id == null ? otherwise : IntervalStrategy.of(key, id.equals("false") ? "no" : id);
  }

  static void write(ObjectNode json, EvaluationConfig evaluation, CheckpointConfig checkpoint) {
    json.put("eval_strategy", evaluation.evalStrategy().id());
    json.put("eval_steps", evaluation.evalSteps());
    json.put("eval_on_start", evaluation.evalOnStart());
    json.put("keep_best", evaluation.keepBest());
    json.put("metric_for_best_model", evaluation.metricForBestModel());
    json.put("greater_is_better", evaluation.greaterIsBetter());
    json.put("early_stopping_patience", evaluation.earlyStoppingPatience());
    json.put("early_stopping_threshold", evaluation.earlyStoppingThreshold());
    json.put("save_strategy", checkpoint.saveStrategy().id());
    json.put("save_steps", checkpoint.saveSteps());
    json.put("save_total_limit", checkpoint.saveTotalLimit());
  }
}
