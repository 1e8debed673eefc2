package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Cell;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.models.ImageProcessor;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Makes an {@link Example} of a row as its task asks, or says what is wrong with the row. */
final class RowParser {
  private static final String SPACE = "\\s+";

  private final DataReader.Columns columns;
  private final Task task;
  private final ProblemType problemType;
  private final boolean flat;
  private final Path folder;

  private final MultiHot multiHot = new MultiHot();

  /**
   * @param flat whether cells are strings only (CSV, TSV), so that several labels share one
   * @param folder where the names of images begin
   */
  RowParser(
      DataReader.Columns columns, Task task, ProblemType problemType, boolean flat, Path folder) {
    this.columns = columns;
    this.task = task;
    this.problemType = problemType;
    this.flat = flat;
    this.folder = folder;
  }

  /**
   * Checks that a task has a use for all columns, and has those that it needs.
   *
   * @throws UsageException when not
   */
  static void mustFit(DataReader.Columns columns, Task task, ProblemType problemType) {
    if (task == Task.TOKEN_CLASSIFICATION && columns.textPair() != null) {
      throw new UsageException(
          task.id() + " takes single texts, not column \"" + columns.textPair() + "\" as well");
    }
    if (task == Task.IMAGE_CLASSIFICATION && problemType != ProblemType.SINGLE_LABEL) {
      throw new UsageException(
          task.id() + " takes one label a picture, and the problem type is " + problemType.id());
    }
    if (task == Task.SEQ_2_SEQ_LM && columns.textPair() == null) {
      throw new UsageException(task.id() + " needs the targets' column: give --target");
    }
    if (columns.chats() && task != Task.CAUSAL_LM) {
      throw new UsageException(task.id() + " takes texts, not chats: give --text");
    }
    if (task.isLanguageModel() && !columns.labels().isEmpty()) {
      throw new UsageException(
          task.id() + " takes no labels: leave column \"" + columns.label() + "\" out");
    }
    boolean several =
        task == Task.SEQUENCE_CLASSIFICATION && problemType == ProblemType.MULTI_LABEL;
    if (columns.labels().size() > 1 && !several) {
      throw new UsageException(
          ("several columns of labels (" + columns.label() + ") are for ")
              + (Task.SEQUENCE_CLASSIFICATION.id() + " with --problem-type ")
              + (ProblemType.MULTI_LABEL.id() + ": name one column"));
    }
  }

  /**
   * An example of a row.
   *
   * @param place where the row is, as errors say it
   */
  Example parse(Rows.Row row, String place) throws BadRow {
    if (row.problem() != null) {
      throw new BadRow(row.problem());
    }
    if (task == Task.TOKEN_CLASSIFICATION) {
      return tagged(row);
    }
    if (task == Task.CAUSAL_LM && (columns.chats() || Chats.isChat(row.text()))) {
      return chat(row);
    }
    if (task == Task.IMAGE_CLASSIFICATION) {
      return picture(row);
    }
    String text = text(columns.text(), row.text());
    String pair = columns.textPair() == null ? null : text(columns.textPair(), row.textPair());
    Example example = new Example(text, pair, List.of(), labels(row));
    if (severalLabels() && columns.labels().size() == 1) {
      multiHot.see(row.labels().get(0), place);
    }
    return example;
  }

  /** The data set of all examples, now that it is known how their labels are written. */
  DataReader.DataSet finish(
      String source, List<Example> examples, int skipped, List<String> reports) {
    if (!severalLabels() || columns.labels().size() != 1) {
      List<String> names = severalLabels() ? columns.labels() : List.of();
      return new DataReader.DataSet(examples, skipped, reports, names, false);
    }
    int length = multiHot.length(source);
    if (length == 0) {
      List<Example> distinct = examples.stream().map(MultiHot::distinct).toList();
      return new DataReader.DataSet(distinct, skipped, reports, List.of(), false);
    }
    List<String> places = IntStream.range(0, length).mapToObj(Integer::toString).toList();
    List<Example> named = examples.stream().map(e -> MultiHot.named(e, places)).toList();
    return new DataReader.DataSet(named, skipped, reports, places, true);
  }

  private boolean severalLabels() {
    return task == Task.SEQUENCE_CLASSIFICATION && problemType == ProblemType.MULTI_LABEL;
  }

  /** A chat; with a second column what is said after it, which alone is learned. */
  private Example chat(Rows.Row row) throws BadRow {
    List<Message> messages = new ArrayList<>(Chats.messages(columns.text(), row.text()));
    int given = 0;
    if (columns.textPair() != null) {
      given = messages.size();
      messages.addAll(Chats.messages(columns.textPair(), row.textPair()));
    }
    return Example.ofChat(new Example.Chat(messages, given));
  }

  private Example picture(Rows.Row row) throws BadRow {
    String name = text(columns.text(), row.text());
    List<String> labels = labels(row);
    try {
      Path file = folder.resolve(name);
      ImageProcessor.mustBeImage(file);
      return Example.ofImage(file, labels.toArray(new String[0]));
    } catch (InvalidPathException e) {
      throw bad(columns.text(), "is \"" + name + "\", and no file can have this name");
    } catch (LorikeetException e) {
      throw new BadRow(String.valueOf(e.getMessage()));
    }
  }

  private static String text(String name, Cell cell) throws BadRow {
    String text = string(name, cell);
    if (text.isBlank()) {
      throw bad(name, "is empty");
    }
    return text;
  }

  private static String string(String name, Cell cell) throws BadRow {
    return switch (cell.kind()) {
      case STRING -> cell.values().get(0);
      case MISSING, NULL -> throw bad(name, "is " + cell.kind());
      default -> throw bad(name, "is " + cell.kind() + ", not a string");
    };
  }

  private Example tagged(Rows.Row row) throws BadRow {
    List<String> words = words(columns.text(), row.text());
    if (words.isEmpty()) {
      throw bad(columns.text(), "is empty");
    }
    List<String> labels =
        columns.labels().isEmpty()
            ? List.of()
            : wordLabels(columns.labels().get(0), row.labels().get(0));
    if (!columns.labels().isEmpty() && labels.size() != words.size()) {
      throw new BadRow(count(labels, "label") + " for " + count(words, "word"));
    }
    return row.text().kind() == Cell.Kind.STRING
        ? new Example(row.text().values().get(0), null, words, labels)
        : Example.ofWords(words, labels);
  }

  private static String count(List<String> items, String what) {
    return items.size() + " " + what + (items.size() == 1 ? "" : "s");
  }

  /** An array's elements, or what stands between the spaces of a string. */
  private static List<String> words(String name, Cell cell) throws BadRow {
    return cell.kind() == Cell.Kind.STRINGS
        ? noneBlank(name, cell.values())
        : split(string(name, cell).strip(), SPACE);
  }

  /** As {@link #words}, but numbers and booleans will do too. */
  private static List<String> wordLabels(String name, Cell cell) throws BadRow {
    return cell.kind() == Cell.Kind.SCALAR || cell.kind() == Cell.Kind.SCALARS
        ? cell.values()
        : words(name, cell);
  }

  private List<String> labels(Rows.Row row) throws BadRow {
    if (columns.labels().isEmpty()) {
      return List.of();
    }
    if (columns.labels().size() > 1) {
      return columnsThatHold(row);
    }
    String name = columns.labels().get(0);
    Cell cell = row.labels().get(0);
    if (severalLabels()) {
      return severalLabels(name, cell);
    }
    String label = oneLabel(name, cell);
    if (problemType == ProblemType.REGRESSION && !isNumber(label)) {
      throw bad(name, "is \"" + label + "\", not a number");
    }
    return List.of(label);
  }

  /** Of columns of zeros and ones the names of those with a one. */
  private List<String> columnsThatHold(Rows.Row row) throws BadRow {
    List<String> held = new ArrayList<>();
    for (int i = 0; i < columns.labels().size(); i++) {
      String name = columns.labels().get(i);
      Cell cell = row.labels().get(i);
      boolean single = cell.kind() == Cell.Kind.SCALAR || cell.kind() == Cell.Kind.STRING;
      Boolean holds = single ? MultiHot.bit(cell.values().get(0)) : null;
      if (holds == null) {
        String found = single ? "\"" + cell.values().get(0) + "\"" : cell.kind().toString();
        throw bad(name, "is " + found + ": columns of several labels hold 0 or 1");
      }
      if (holds) {
        held.add(name);
      }
    }
    return held;
  }

  private String oneLabel(String name, Cell cell) throws BadRow {
    return switch (cell.kind()) {
      case SCALAR -> cell.values().get(0);
      case STRING -> text(name, cell);
      case MISSING, NULL -> throw bad(name, "is " + cell.kind());
      default ->
          throw bad(
              name,
              ("is " + cell.kind() + "; " + problemType.id() + " takes one label a row")
                  + (mayBeSeveral(cell)
                      ? ": for several give --problem-type " + ProblemType.MULTI_LABEL.id()
                      : ""));
    };
  }

  private boolean mayBeSeveral(Cell cell) {
    return task == Task.SEQUENCE_CLASSIFICATION
        && problemType == ProblemType.SINGLE_LABEL
        && (cell.kind() == Cell.Kind.STRINGS || cell.kind() == Cell.Kind.SCALARS);
  }

  /**
   * Any number of labels, or a vector of zeros and ones; in a flat file labels stand between {@code
   * |}, and there are none where the cell is empty.
   */
  private List<String> severalLabels(String name, Cell cell) throws BadRow {
    List<String> labels =
        switch (cell.kind()) {
          case STRINGS, SCALARS, SCALAR -> cell.values();
          case STRING -> {
            String value = cell.values().get(0);
            yield flat ? split(value.strip(), "\\s*\\|\\s*") : List.of(value);
          }
          default -> throw bad(name, "is " + cell.kind());
        };
    for (String label : cell.kind() == Cell.Kind.SCALARS ? labels : List.<String>of()) {
      if (isFraction(label)) {
        throw bad(
            name,
            ("holds "
                    + label
                    + ": labels are names or whole numbers, or a vector of 0 and 1 with a")
                + " place for each");
      }
    }
    return noneBlank(name, labels);
  }

  /** Whether a number has digits behind the point that are not all zero. */
  static boolean isFraction(String label) {
    try {
      return new BigDecimal(label.strip()).stripTrailingZeros().scale() > 0;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static List<String> split(String text, String separator) {
    return text.isEmpty() ? List.of() : Arrays.asList(text.split(separator, -1));
  }

  private static List<String> noneBlank(String name, List<String> items) throws BadRow {
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i).isBlank()) {
        throw bad(name, "is empty at place " + (i + 1) + " of " + items.size());
      }
    }
    return items;
  }

  /** Whether a label is a number that float32 can hold. */
  static boolean isNumber(String label) {
    try {
      return Float.isFinite(new BigDecimal(label.strip()).floatValue());
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static BadRow bad(@Nullable String name, String problem) {
    return BadRow.of(name, problem);
  }
}
