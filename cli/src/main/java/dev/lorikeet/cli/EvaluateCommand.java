package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.ScoringConfig;
import dev.lorikeet.training.metrics.TagScheme;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Scores a trained model on labelled texts. */
@Command(
    name = "evaluate",
    description = {
      "Score a trained model on labelled texts.",
      "Of classes: precision, recall and F1 of each, which was answered for which, and whether the"
          + " probabilities are what they say; of tags such as B-PER also the entities."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class EvaluateCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private ModelFlags model;
  @Mixin private DataFlags columns;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "Labelled examples.")
  private String data;

  @Option(
      names = "--entity-scheme",
      paramLabel = "iob2|iobes|bilou",
      description = "Only entities that are spelt so count; unless given, as conlleval has them.")
  private @Nullable String entityScheme;

  @Option(
      names = "--threshold",
      paramLabel = "P",
      defaultValue = "0.5",
      description = "For several labels: those above this probability are answered; 0.5.")
  private double threshold;

  @Override
  public Integer call() {
    ScoringConfig config =
        new ScoringConfig(entityScheme == null ? null : TagScheme.of(entityScheme), threshold);
    try (TextModel open = model.open()) {
      List<Example> examples = columns.unlessGiven(model.settings()).labelled(data, open, console);
      EvaluationReport report = open.report(examples, config);
      ObjectNode results = JsonNodeFactory.instance.objectNode();
      Comparison.evaluation(results, report.evaluation());
      Truncation.tell(open, examples.size(), console);
      Truncation.put(results, "eval_", open.truncated());
      StringJoiner lines = new StringJoiner("\n");
      results.properties().forEach(entry -> lines.add(entry.getKey() + " " + entry.getValue()));
      ReportJson.add(results, report);
      console.print(results, lines + ReportTables.of(report));
    }
    return 0;
  }
}
