package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.Task;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags that say how a data set's columns are called. */
final class DataFlags {
  @Option(
      names = "--text",
      paramLabel = "COLUMN",
      defaultValue = "text",
      description = "The texts' column.")
  private String text;

  @Option(names = "--text-pair", paramLabel = "COLUMN", description = "The second texts' column.")
  private @Nullable String textPair;

  @Option(
      names = "--label",
      paramLabel = "COLUMN",
      defaultValue = "label",
      description = "The labels' column.")
  private String label;

  @Option(
      names = "--on-bad-row",
      paramLabel = "fail|skip",
      defaultValue = "fail",
      description = "Malformed rows.")
  private String onBadRow;

  /** Labelled examples for a model's task. */
  List<Example> labelled(String source, TextModel model, Console console) {
    return read(source, model, model.task() == Task.MASKED_LM ? null : label, console);
  }

  /** Examples whose labels, if any, are not read. */
  List<Example> unlabelled(String source, TextModel model, Console console) {
    return read(source, model, null, console);
  }

  private List<Example> read(
      String source, TextModel model, @Nullable String labelColumn, Console console) {
    DataSet set =
        DataReader.read(
            source,
            new DataReader.Columns(text, textPair, labelColumn),
            model.task(),
            model.model().config().problemType(),
            OnBadRowNames.of(onBadRow));
    LoadedData.tellSkipped(set, source, console);
    return set.examples();
  }
}
