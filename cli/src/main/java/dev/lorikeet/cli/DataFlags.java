package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleRows;
import dev.lorikeet.data.Labels;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags that say how a data set's columns are called. */
final class DataFlags {
  @Option(
      names = "--text",
      paramLabel = "COLUMN",
      description = "The texts' column; unless given, text.")
  private @Nullable String text;

  @Option(names = "--text-pair", paramLabel = "COLUMN", description = "The second texts' column.")
  private @Nullable String textPair;

  @Option(
      names = "--label",
      paramLabel = "COLUMN[,...]",
      description =
          "The labels' column; unless given, label. Several: columns of 0 and 1, a label each.")
  private @Nullable String label;

  @Option(names = "--messages", paramLabel = "COLUMN", description = "The chats' column.")
  private @Nullable String messages;

  @Option(names = "--prompt", paramLabel = "COLUMN", description = "The prompts' column.")
  private @Nullable String prompt;

  @Option(names = "--completion", paramLabel = "COLUMN", description = "Their completions' column.")
  private @Nullable String completion;

  @Option(names = "--target", paramLabel = "COLUMN", description = "The target texts' column.")
  private @Nullable String target;

  @Option(
      names = "--image",
      paramLabel = "COLUMN",
      description = "The column of the images' files; unless given, image.")
  private @Nullable String image;

  @Option(
      names = "--on-bad-row",
      paramLabel = "fail|skip",
      defaultValue = "fail",
      description = "Malformed rows.")
  private String onBadRow;

  private JsonNode trained = MissingNode.getInstance();

  /** Labelled examples for a model's task. */
  List<Example> labelled(String source, TextModel model, Console console) {
    return read(source, model, columns(model), console);
  }

  /** Examples whose labels, if any, are not read. */
  List<Example> unlabelled(String source, TextModel model, Console console) {
    return read(source, model, columns(model).unlabelled(List.of()), console);
  }

  /**
   * The rows of a data set, whose labels, if any, are not read.
   *
   * @param kept the columns that are passed through
   */
  ExampleRows rows(String source, TextModel model, List<String> kept) {
    return DataReader.open(
        source,
        columns(model).unlabelled(kept),
        model.task().rows(model.model().config().problemType()));
  }

  /** What becomes of malformed rows. */
  DataReader.OnBadRow onBadRow() {
    return OnBadRowNames.of(onBadRow);
  }

  /** Takes the columns that the user does not name from those of the run that trained the model. */
  DataFlags unlessGiven(JsonNode settings) {
    trained = settings;
    return this;
  }

  private DataReader.Columns columns(TextModel model) {
    ColumnNames named =
        new ColumnNames()
            .put("text", text)
            .put("text_pair", textPair)
            .put("label", label)
            .put("messages", messages)
            .put("prompt", prompt)
            .put("completion", completion)
            .put("target", target)
            .put("image", image);
    if (trained.path("task").asText("").equals(model.task().id())) {
      named.unlessGiven(ColumnNames.of(trained.path("data")));
    }
    return named.columns(model.task());
  }

  private List<Example> read(
      String source, TextModel model, DataReader.Columns columns, Console console) {
    DataSet set =
        DataReader.read(
            source, columns, model.task().rows(model.model().config().problemType()), onBadRow());
    LoadedData.tellSkipped(set, source, console);
    Labels labels = model.labels();
    if (labels == null) {
      return set.named(List.of()).examples();
    }
    List<Example> examples = set.named(labels.names()).examples();
    UnseenLabels.check(
        examples, labels, source, columns, model.task(), model.model().config().problemType());
    return examples;
  }
}
