package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Scores a trained model on labelled texts. */
@Command(
    name = "evaluate",
    description = "Score a trained model on labelled texts.",
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

  @Override
  public Integer call() {
    try (TextModel open = model.open()) {
      ObjectNode results = JsonNodeFactory.instance.objectNode();
      List<Example> examples = columns.labelled(data, open, console);
      Comparison.evaluation(results, open.evaluate(examples));
      Truncation.tell(open, examples.size(), console);
      Truncation.put(results, "eval_", open.truncated());
      StringJoiner lines = new StringJoiner("\n");
      results.properties().forEach(entry -> lines.add(entry.getKey() + " " + entry.getValue()));
      console.print(results, lines.toString());
    }
    return 0;
  }
}
