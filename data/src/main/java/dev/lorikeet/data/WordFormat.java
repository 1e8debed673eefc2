package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Cell;
import dev.lorikeet.data.rows.Rows;
import java.nio.file.Path;
import java.util.List;

/** Words a row, with a label for each of them. */
public final class WordFormat extends RowFormat {
  private static final String SPACE = "\\s+";

  public WordFormat(String task) {
    super(task);
  }

  @Override
  protected void mustFit(DataReader.Columns columns) {
    mustBeSingle(columns);
    mustHaveNoChats(columns);
    mustHaveOneLabelColumn(columns);
  }

  @Override
  protected RowParser parser(DataReader.Columns columns, boolean flat, Path folder) {
    return parser(row -> example(columns, row));
  }

  private static Example example(DataReader.Columns columns, Rows.Row row) throws BadRow {
    List<String> words = words(columns.text(), row.text());
    if (words.isEmpty()) {
      throw Cells.bad(columns.text(), "is empty");
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
        ? Cells.noneBlank(name, cell.values())
        : Cells.split(Cells.string(name, cell).strip(), SPACE);
  }

  /** As {@link #words}, but numbers and booleans will do too. */
  private static List<String> wordLabels(String name, Cell cell) throws BadRow {
    return cell.kind() == Cell.Kind.SCALAR || cell.kind() == Cell.Kind.SCALARS
        ? cell.values()
        : words(name, cell);
  }
}
