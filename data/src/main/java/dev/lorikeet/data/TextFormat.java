package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Cell;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.models.ProblemType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A text or a pair of texts a row, with a label, several, a number, or none. */
public final class TextFormat extends RowFormat {
  private final @Nullable ProblemType problemType;

  private TextFormat(String task, @Nullable ProblemType problemType) {
    super(task);
    this.problemType = problemType;
  }

  /** With labels of a type. */
  public static TextFormat labelled(String task, ProblemType problemType) {
    return new TextFormat(task, problemType);
  }

  /** Without labels. */
  public static TextFormat unlabelled(String task) {
    return new TextFormat(task, null);
  }

  @Override
  protected void mustFit(DataReader.Columns columns) {
    mustHaveNoChats(columns);
    if (problemType == null) {
      mustHaveNoLabels(columns);
    }
    if (problemType != ProblemType.MULTI_LABEL) {
      mustHaveOneLabelColumn(columns);
    }
  }

  @Override
  protected RowParser parser(DataReader.Columns columns, boolean flat, Path folder) {
    if (problemType == ProblemType.MULTI_LABEL) {
      return new SeveralLabels(columns, flat);
    }
    return parser(row -> example(columns, row, label(columns, row)));
  }

  static Example example(DataReader.Columns columns, Rows.Row row, List<String> labels)
      throws BadRow {
    String text = Cells.text(columns.text(), row.text());
    String pair =
        columns.textPair() == null ? null : Cells.text(columns.textPair(), row.textPair());
    return new Example(text, pair, List.of(), labels);
  }

  /** The one label, or none where there is no column. */
  private List<String> label(DataReader.Columns columns, Rows.Row row) throws BadRow {
    if (columns.labels().isEmpty()) {
      return List.of();
    }
    String name = columns.labels().get(0);
    String label = label(name, row.labels().get(0));
    if (problemType == ProblemType.REGRESSION && !Cells.isNumber(label)) {
      throw Cells.bad(name, "is \"" + label + "\", not a number");
    }
    return List.of(label);
  }

  private String label(String name, Cell cell) throws BadRow {
    boolean mayBeSeveral =
        problemType == ProblemType.SINGLE_LABEL
            && (cell.kind() == Cell.Kind.STRINGS || cell.kind() == Cell.Kind.SCALARS);
    String type = problemType == null ? "" : problemType.id();
    return Cells.oneLabel(
        name,
        cell,
        ("; " + type + " takes one label a row")
            + (mayBeSeveral
                ? ": for several give --problem-type " + ProblemType.MULTI_LABEL.id()
                : ""));
  }

  /** Any number of labels a row, in one column or in one for each label. */
  private static final class SeveralLabels extends RowParser {
    private final DataReader.Columns columns;
    private final boolean flat;
    private final MultiHot multiHot = new MultiHot();

    SeveralLabels(DataReader.Columns columns, boolean flat) {
      this.columns = columns;
      this.flat = flat;
    }

    @Override
    protected Example parse(Rows.Row row, String place) throws BadRow {
      Example example = TextFormat.example(columns, row, List.of()).withLabels(labels(row));
      if (columns.labels().size() == 1) {
        multiHot.see(row.labels().get(0), place);
      }
      return example;
    }

    private List<String> labels(Rows.Row row) throws BadRow {
      if (columns.labels().isEmpty()) {
        return List.of();
      }
      return columns.labels().size() > 1
          ? columnsThatHold(row)
          : severalLabels(columns.labels().get(0), row.labels().get(0));
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
          throw Cells.bad(name, "is " + found + ": columns of several labels hold 0 or 1");
        }
        if (holds) {
          held.add(name);
        }
      }
      return held;
    }

    /**
     * Any number of labels, or a vector of zeros and ones; in a flat file labels stand between
     * {@code |}, and there are none where the cell is empty.
     */
    private List<String> severalLabels(String name, Cell cell) throws BadRow {
      List<String> labels =
          switch (cell.kind()) {
            case STRINGS, SCALARS, SCALAR -> cell.values();
            case STRING -> {
              String value = cell.values().get(0);
              yield flat ? Cells.split(value.strip(), "\\s*\\|\\s*") : List.of(value);
            }
            default -> throw Cells.bad(name, "is " + cell.kind());
          };
      for (String label : cell.kind() == Cell.Kind.SCALARS ? labels : List.<String>of()) {
        if (Cells.isFraction(label)) {
          throw Cells.bad(
              name,
              ("holds "
                      + label
                      + ": labels are names or whole numbers, or a vector of 0 and 1 with a")
                  + " place for each");
        }
      }
      return Cells.noneBlank(name, labels);
    }

    @Override
    protected DataReader.DataSet finish(
        String source, List<Example> examples, int skipped, List<String> reports) {
      if (columns.labels().size() != 1) {
        return new DataReader.DataSet(examples, skipped, reports, columns.labels(), false);
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
  }
}
