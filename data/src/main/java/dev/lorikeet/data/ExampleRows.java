package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.torch.LorikeetException;
import org.jspecify.annotations.Nullable;

/** The rows of a data set in the order of the file, malformed ones among them. Not thread-safe. */
public final class ExampleRows implements AutoCloseable {
  private final String name;
  private final Rows rows;
  private final RowParser parser;
  private boolean isEmpty = true;

  /**
   * Rows that are yet to be parsed.
   *
   * @param name what errors call the source
   */
  ExampleRows(String name, Rows rows, RowParser parser) {
    this.name = name;
    this.rows = rows;
    this.parser = parser;
  }

  RowParser parser() {
    return parser;
  }

  /**
   * The next row; null after the last.
   *
   * @throws LorikeetException when the file cannot be read on, or has no rows at all
   */
  public @Nullable DataRow next() {
    Rows.Row row = rows.next();
    if (row == null && isEmpty) {
      throw new LorikeetException(name + ": no rows: is this the right file?");
    }
    if (row == null) {
      return null;
    }
    isEmpty = false;
    String where = rows.place(row.number());
    try {
      return new DataRow(row.number(), where, parser.example(row, where), null, row.kept());
    } catch (BadRow bad) {
      return new DataRow(row.number(), where, null, bad.getMessage(), row.kept());
    }
  }

  @Override
  public void close() {
    rows.close();
  }
}
