package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The rows of what DuckDB reads: a Parquet file or a query; each comes as a JSON object. */
public final class TableRows implements Rows {
  private final String source;
  private final Selection columns;
  private final DuckDb database;
  private final DuckDb.Cursor cursor;
  private long number;

  private TableRows(String source, Selection columns, DuckDb database, DuckDb.Cursor cursor) {
    this.source = source;
    this.columns = columns;
    this.database = database;
    this.cursor = cursor;
  }

  /** The rows of a Parquet file. Its name says nothing of its columns (no Hive partitions). */
  static TableRows ofParquet(String source, Path file, Selection columns) {
    return open(
        source,
        database ->
            "FROM read_parquet("
                + database.literal(file)
                + ", hive_partitioning = false, binary_as_string = true)",
        columns);
  }

  /**
   * The rows that an SQL query answers with.
   *
   * @throws dev.lorikeet.torch.LorikeetException when it is anything else than one SELECT
   */
  public static TableRows ofQuery(String source, String sql, Selection columns) {
    return open(
        source,
        database -> {
          database.mustBeOneSelect(sql);
          return sql.strip().replaceFirst("(;\\s*)+$", "");
        },
        columns);
  }

  private static TableRows open(String source, Function<DuckDb, String> query, Selection columns) {
    DuckDb database = DuckDb.open(source);
    try {
      // The line feed ends a comment that the query may end with.
      String table = "(" + query.apply(database) + "\n)";
      columns.require(source, database.columns("SELECT * FROM " + table));
      String fields =
          columns.names().stream()
              .distinct()
              .map(name -> DuckDb.quote(name) + ", " + DuckDb.identifier(name))
              .collect(Collectors.joining(", "));
      DuckDb.Cursor cursor =
          database.query("SELECT CAST(json_object(" + fields + ") AS VARCHAR) FROM " + table);
      return new TableRows(source, columns, database, cursor);
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
  }

  @Override
  public @Nullable Row next() {
    if (!cursor.next()) {
      return null;
    }
    number++;
    try {
      ObjectNode object = Json.ofTable(String.valueOf(cursor.text()));
      return columns.row(number, object::get);
    } catch (BadRow e) {
      return Row.unreadable(number, String.valueOf(e.getMessage()));
    }
  }

  @Override
  public String place(long number) {
    return source + ", row " + number;
  }

  @Override
  public void close() {
    try (database) {
      cursor.close();
    }
  }
}
