package dev.lorikeet.compare;

import dev.lorikeet.torch.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A table in plain text: names, {@link Printable}, on the left, values flush right. */
public final class Table {
  private static final String GAP = "  ";

  private final List<String> columns;
  private final List<List<String>> rows = new ArrayList<>();

  /**
   * A table without rows.
   *
   * @param columns their names, which differ
   */
  public Table(List<String> columns) {
    this.columns = columns;
    List<String> header = new ArrayList<>(List.of(""));
    columns.forEach(column -> header.add(Printable.line(column)));
    rows.add(header);
  }

  /**
   * Adds a row.
   *
   * @param values by column; empty where there is none
   */
  public void row(String name, Map<String, String> values) {
    List<String> row = new ArrayList<>(List.of(Printable.line(name)));
    columns.forEach(column -> row.add(values.getOrDefault(column, "")));
    rows.add(row);
  }

  @Override
  public String toString() {
    int[] widths = new int[columns.size() + 1];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String fill = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? row.get(i) + fill : GAP + fill + row.get(i));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
