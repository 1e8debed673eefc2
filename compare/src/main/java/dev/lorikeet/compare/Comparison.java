package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.EpochReport;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.StepEvaluation;
import dev.lorikeet.training.TrainingResult;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * Runs on one data set, the same batches in the same order, side by side: what each scored after
 * every epoch, and what it cost.
 */
public final class Comparison {
  private final Map<String, TrainingResult> runs = new LinkedHashMap<>();

  /** Adds a run under the name of its column. */
  public Comparison add(String name, TrainingResult result) {
    runs.put(name, result);
    return this;
  }

  /** The runs by name, in the order of their columns. */
  public Map<String, TrainingResult> runs() {
    return Collections.unmodifiableMap(runs);
  }

  /** A table to read, a column a run. */
  public String table() {
    Table table = new Table(runs.keySet().stream().toList());
    if (runs.values().stream().anyMatch(Comparison::isEvaluatedBySteps)) {
      steps(table);
    } else {
      epochs(table);
    }
    table.row("trainable parameters", values(run -> grouped(run.trainableParameters())));
    table.row("total parameters", values(run -> grouped(run.totalParameters())));
    table.row("training time", values(run -> format("%.1f s", run.trainSeconds())));
    table.row("tokens per second", values(run -> grouped(Math.round(run.tokensPerSecond()))));
    table.row("peak resident memory", values(run -> grouped(run.peakRssMib()) + " MiB"));
    return table.toString();
  }

  /** A row an epoch: a run that ended early leaves the rest of its column empty. */
  private void epochs(Table table) {
    String metric = metric(runs.values().iterator().next());
    int epochs = runs.values().stream().mapToInt(run -> run.epochs().size()).max().orElseThrow();
    for (int epoch = 1; epoch <= epochs; epoch++) {
      int row = epoch - 1;
      table.row(
          metric + ", epoch " + epoch,
          values(run -> row < run.epochs().size() ? score(run.epochs().get(row)) : ""));
    }
  }

  /** A row for each step after which a run was evaluated. */
  private void steps(Table table) {
    String metric = metric(runs.values().iterator().next());
    runs.values().stream()
        .flatMap(run -> run.evaluations().stream())
        .map(StepEvaluation::step)
        .sorted()
        .distinct()
        .forEach(step -> table.row(metric + ", step " + step, values(run -> score(run, step))));
  }

  /** Whether a run was evaluated elsewhere than at its start and the ends of its epochs. */
  private static boolean isEvaluatedBySteps(TrainingResult run) {
    return run.evaluations().stream().anyMatch(e -> e.step() > 0 && !e.endsEpoch());
  }

  private static String score(TrainingResult run, long step) {
    return run.evaluations().stream()
        .filter(evaluation -> evaluation.step() == step)
        .map(evaluation -> score(evaluation.evaluation()))
        .findFirst()
        .orElse("");
  }

  private Map<String, String> values(Function<TrainingResult, String> cell) {
    Map<String, String> values = new LinkedHashMap<>();
    runs.forEach((name, run) -> values.put(name, cell.apply(run)));
    return values;
  }

  private static String metric(TrainingResult run) {
    Evaluation evaluation = run.evaluation();
    return evaluation == null ? "training loss" : evaluation.main();
  }

  private static String score(EpochReport report) {
    Evaluation evaluation = report.evaluation();
    return evaluation == null ? format("%.4f", report.trainLoss()) : score(evaluation);
  }

  private static String score(Evaluation evaluation) {
    // A loss's score is negative, so that greater is better; people read the loss.
    boolean isLoss = evaluation.main().equals("loss");
    return format("%.4f", isLoss ? evaluation.loss() : evaluation.score());
  }

  private static String grouped(long number) {
    return format("%,d", number);
  }

  private static String format(String pattern, Object... arguments) {
    return String.format(Locale.ROOT, pattern, arguments);
  }

  /** All numbers, by run. */
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    runs.forEach((name, run) -> json.set(name, json(run)));
    return json;
  }

  /** A run's numbers: what it scored by epoch, and what it cost. */
  public static ObjectNode json(TrainingResult run) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("train_seconds", run.trainSeconds());
    json.put("steps", run.steps());
    json.put("tokens", run.tokens());
    json.put("tokens_per_second", run.tokensPerSecond());
    json.put("padding_ratio", run.paddingRatio());
    Evaluation evaluation = run.evaluation();
    if (evaluation != null) {
      evaluation(json, evaluation);
    }
    json.put("peak_rss_mib", run.peakRssMib());
    json.put("trainable_parameters", run.trainableParameters());
    json.put("total_parameters", run.totalParameters());
    json.put("best_epoch", run.bestEpoch());
    json.put("best_step", run.bestStep());
    ArrayNode epochs = json.putArray("epochs");
    run.epochs().forEach(report -> epochs.add(json(report)));
    ArrayNode evaluations = json.putArray("evaluations");
    run.evaluations().forEach(step -> evaluations.add(json(step)));
    return json;
  }

  private static ObjectNode json(EpochReport report) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("epoch", report.epoch());
    json.put("train_loss", report.trainLoss());
    json.put("train_seconds", report.seconds());
    if (report.evaluation() != null) {
      evaluation(json, report.evaluation());
    }
    return json;
  }

  private static ObjectNode json(StepEvaluation step) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("step", step.step()).put("epoch", step.epoch());
    evaluation(json, step.evaluation());
    return json;
  }

  /** Adds {@code eval_loss}, {@code eval_accuracy} and the like; null for what is undefined. */
  public static void evaluation(ObjectNode json, Evaluation evaluation) {
    evaluation
        .metrics()
        .forEach((name, value) -> json.put("eval_" + name, value.isNaN() ? null : value));
    json.put("eval_loss", evaluation.loss());
    json.put("eval_seconds", evaluation.seconds());
    json.put("eval_examples", evaluation.examples());
  }
}
