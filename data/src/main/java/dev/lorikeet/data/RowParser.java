package dev.lorikeet.data;

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
import org.jspecify.annotations.Nullable;

/** Makes an {@link Example} of a row as its task asks, or says what is wrong with the row. */
final class RowParser {
  private static final String SPACE = "\\s+";

  private final DataReader.Columns columns;
  private final Task task;
  private final ProblemType problemType;
  private final boolean flat;
  private final Path folder;

  /**
   * @param flat whether cells are strings only (CSV, TSV), so that several labels share one
   * @param folder where the names of images begin
   * @throws UsageException when the task has no use for one of the columns
   */
  RowParser(
      DataReader.Columns columns, Task task, ProblemType problemType, boolean flat, Path folder) {
    this.columns = columns;
    this.task = task;
    this.problemType = problemType;
    this.flat = flat;
    this.folder = folder;
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
    if (task.isLanguageModel() && columns.label() != null) {
      throw new UsageException(
          task.id() + " takes no labels: leave column \"" + columns.label() + "\" out");
    }
  }

  Example parse(Rows.Row row) throws BadRow {
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
    return new Example(text, pair, List.of(), labels(row.label()));
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
    List<String> labels = labels(row.label());
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
        columns.label() == null ? List.of() : wordLabels(columns.label(), row.label());
    if (columns.label() != null && labels.size() != words.size()) {
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

  private List<String> labels(Cell cell) throws BadRow {
    String name = columns.label();
    if (name == null) {
      return List.of();
    }
    if (task == Task.SEQUENCE_CLASSIFICATION && problemType == ProblemType.MULTI_LABEL) {
      return severalLabels(name, cell);
    }
    String label = oneLabel(name, cell);
    if (problemType == ProblemType.REGRESSION && !isNumber(label)) {
      throw bad(name, "is \"" + label + "\", not a number");
    }
    return List.of(label);
  }

  private String oneLabel(String name, Cell cell) throws BadRow {
    return switch (cell.kind()) {
      case SCALAR -> cell.values().get(0);
      case STRING -> text(name, cell);
      case MISSING, NULL -> throw bad(name, "is " + cell.kind());
      default ->
          throw bad(name, "is " + cell.kind() + "; " + problemType.id() + " takes one label a row");
    };
  }

  /** Any number of labels; in a flat file between {@code |}, and none where the cell is empty. */
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
    return noneBlank(name, labels).stream().distinct().toList();
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

  static BadRow bad(@Nullable String name, String problem) {
    return new BadRow("\"" + name + "\" " + problem);
  }
}
