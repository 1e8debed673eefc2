package dev.lorikeet.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of all that DuckDB can see as JSON objects: the lines of a JSONL file, and the rows of a
 * Parquet file or a query, whose columns it turns into an object each. So strings, numbers and
 * arrays are told apart in one place.
 *
 * <p>Inside, a source is a query with the columns {@code number}, {@code line} (a line that is not
 * JSON, else null) and {@code doc} (the JSON value, else null).
 */
final class JsonRows implements Rows {
  /** Numbers that are passed through keep their digits. */
  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .setNodeFactory(JsonNodeFactory.withExactBigDecimals(true));

  private static final String ARRAY_HINT =
      " (a file that is one array is read by sql:SELECT * FROM read_json('FILE'))";
  private static final String NOT_BLANK = "trim(line, chr(32) || chr(9) || chr(13)) <> ''";

  private final String source;
  private final DataReader.Columns columns;
  private final String documents;
  private final DuckDb database;
  private final DuckDb.Cursor cursor;
  private final Set<String> seenColumns = new HashSet<>();

  private JsonRows(
      String source,
      DataReader.Columns columns,
      String documents,
      DuckDb database,
      DuckDb.Cursor cursor) {
    this.source = source;
    this.columns = columns;
    this.documents = documents;
    this.database = database;
    this.cursor = cursor;
  }

  /** The objects of a JSONL file, one a line; blank lines are passed over but counted. */
  static JsonRows ofLines(String source, Path file, DataReader.Columns columns) {
    DuckDb database = DuckDb.open(source);
    try {
      String documents =
          "SELECT number, CASE WHEN json_valid(line) THEN NULL ELSE line END AS line,"
              + " CASE WHEN json_valid(line) THEN CAST(line AS JSON) END AS doc FROM ("
              + Lines.query(database, file)
              + ") WHERE "
              + NOT_BLANK;
      DuckDb.Cursor cursor = Lines.open(database, fields(documents, columns), source, file);
      return new JsonRows(source, columns, documents, database, cursor);
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
  }

  /** The rows of a Parquet file. Its name says nothing of its columns (no Hive partitions). */
  static JsonRows ofParquet(String source, Path file, DataReader.Columns columns) {
    return ofTable(
        source,
        database ->
            "FROM read_parquet("
                + database.literal(file)
                + ", hive_partitioning = false, binary_as_string = true)",
        columns);
  }

  /** The rows that an SQL query answers with. */
  static JsonRows ofQuery(String source, String sql, DataReader.Columns columns) {
    return ofTable(source, database -> sql.strip().replaceFirst(";$", ""), columns);
  }

  private static JsonRows ofTable(
      String source, Function<DuckDb, String> query, DataReader.Columns columns) {
    DuckDb database = DuckDb.open(source);
    try {
      // The line feed ends a comment that the query may end with.
      String table = "(" + query.apply(database) + "\n)";
      columns.require(source, database.columns("FROM " + table));
      String fields =
          columns.names().stream()
              .map(name -> DuckDb.quote(name) + ", " + DuckDb.identifier(name))
              .collect(Collectors.joining(", "));
      String documents =
          "SELECT row_number() OVER () AS number, NULL AS line, json_object("
              + fields
              + ") AS doc FROM "
              + table;
      DuckDb.Cursor cursor = database.query(fields(documents, columns));
      return new JsonRows(source, columns, documents, database, cursor);
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
  }

  /**
   * A query for number, line, the type of the document, three columns for each field, and the JSON
   * of each that is kept.
   */
  private static String fields(String documents, DataReader.Columns columns) {
    Stream<String> fields =
        Stream.of(columns.text(), columns.textPair(), columns.label()).map(JsonRows::field);
    Stream<String> kept =
        columns.kept().stream()
            .map(name -> "CAST(json_extract(doc, " + pointer(name) + ") AS VARCHAR)");
    return Stream.concat(fields, kept)
        .collect(
            Collectors.joining(
                ", ", "SELECT number, line, json_type(doc), ", " FROM (" + documents + ")"));
  }

  /** A JSON pointer (RFC 6901), in which ~ and / are written ~0 and ~1. */
  private static String pointer(String name) {
    return DuckDb.quote("/" + name.replace("~", "~0").replace("/", "~1"));
  }

  private static String field(@Nullable String name) {
    if (name == null) {
      return "NULL, NULL, NULL";
    }
    String pointer = pointer(name);
    String value = "json_extract(doc, " + pointer + ")";
    String type = "json_type(doc, " + pointer + ")";
    String elementTypes =
        "coalesce(array_to_string(list_distinct(json_type(" + value + ", '$[*]')), ','), '')";
    return "CASE "
        + (type + " WHEN 'ARRAY' THEN '[' || " + elementTypes + " ELSE " + type + " END, ")
        + ("CASE WHEN " + type + " <> 'ARRAY' THEN json_extract_string(doc, " + pointer + ") END, ")
        + ("CASE " + type + " WHEN 'ARRAY' THEN json_extract_string(" + value + ", '$[*]') END");
  }

  @Override
  public @Nullable Row next() {
    if (!cursor.next()) {
      return null;
    }
    long number = cursor.number(1);
    String broken = cursor.text(2);
    if (broken != null) {
      return Row.unreadable(number, problemOf(broken));
    }
    String type = cursor.text(3);
    if (!"OBJECT".equals(type)) {
      String hint = "ARRAY".equals(type) ? ARRAY_HINT : "";
      return Row.unreadable(number, "not a JSON object: write one object a line" + hint);
    }
    return new Row(
        number,
        null,
        cell(columns.text(), 4),
        cell(columns.textPair(), 7),
        cell(columns.label(), 10),
        kept());
  }

  private Map<String, JsonNode> kept() {
    Map<String, JsonNode> kept = new LinkedHashMap<>();
    for (String name : columns.kept()) {
      String json = cursor.text(13 + kept.size());
      mustBeSomewhere(name, json != null);
      kept.put(name, json == null ? NullNode.getInstance() : value(json));
    }
    return kept;
  }

  private static JsonNode value(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a database's JSON is not JSON: " + json, e);
    }
  }

  private static String problemOf(String line) {
    String hint = line.strip().startsWith("[") ? ARRAY_HINT : "";
    return "not JSON: " + DuckDb.jsonError(line) + hint;
  }

  private Cell cell(@Nullable String name, int column) {
    if (name == null) {
      return Cell.MISSING;
    }
    Cell cell = Cell.ofJson(cursor.text(column), cursor.text(column + 1), cursor.texts(column + 2));
    mustBeSomewhere(name, cell.kind() != Cell.Kind.MISSING);
    return cell;
  }

  private void mustBeSomewhere(String name, boolean isHere) {
    if (seenColumns.add(name) && !isHere) {
      requireSomewhere(name);
    }
  }

  /** A field that one line lacks is a bad row; one that all lines lack is an unknown column. */
  private void requireSomewhere(String name) {
    try (DuckDb other = DuckDb.open(source);
        DuckDb.Cursor keys =
            other.query(
                "SELECT DISTINCT unnest(json_keys(doc)) AS name FROM ("
                    + documents
                    + ") WHERE json_type(doc) = 'OBJECT' ORDER BY name")) {
      List<String> names = new ArrayList<>();
      while (keys.next()) {
        names.add(String.valueOf(keys.text(1)));
      }
      if (!names.contains(name)) {
        throw DataReader.Columns.unknown(source, name, names);
      }
    }
  }

  @Override
  public void close() {
    try (database) {
      cursor.close();
    }
  }
}
