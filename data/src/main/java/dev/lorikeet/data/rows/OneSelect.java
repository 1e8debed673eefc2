package dev.lorikeet.data.rows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import java.util.Locale;
import java.util.Set;

/**
 * Looks at a query as DuckDB itself understands it, before it runs: a source of data is one SELECT,
 * which reads. The locked settings of the database are not enough: {@code FROM
 * enable_logging(...)}, for one, writes files.
 */
final class OneSelect {
  /** What of a table function's name says that it only reads. */
  private static final Set<String> READING_PREFIXES =
      Set.of("read_", "parquet_", "duckdb_", "pragma_", "icu_", "pg_");

  /** All others that only read; {@code query('...')} could hide another query. */
  private static final Set<String> READING =
      Set.of(
          "generate_series",
          "glob",
          "histogram",
          "histogram_values",
          "json_each",
          "json_tree",
          "range",
          "repeat",
          "repeat_row",
          "sniff_csv",
          "summary",
          "unnest");

  private OneSelect() {}

  /**
   * Checks a query.
   *
   * @param source what errors begin with
   * @param serialized what {@code json_serialize_sql} makes of it
   * @throws LorikeetException when it is anything else than one SELECT, or calls a table function
   *     that may do more than read
   */
  static void check(String source, String serialized) {
    JsonNode json = json(serialized);
    if (json.path("error_type").asText().equals("parser")) {
      throw new LorikeetException(
          source + ": DuckDB says: Parser Error: " + json.path("error_message").asText());
    }
    if (json.path("error").asBoolean(true) || json.path("statements").size() != 1) {
      throw new LorikeetException(
          source + ": a sql: source is one SELECT, and nothing that writes, attaches or loads");
    }
    mustOnlyRead(source, json.path("statements"));
  }

  private static JsonNode json(String serialized) {
    try {
      return new ObjectMapper().readTree(serialized);
    } catch (JsonProcessingException e) {
      throw new LorikeetException("DuckDB does not say what a query is: " + e.getMessage(), e);
    }
  }

  private static void mustOnlyRead(String source, JsonNode part) {
    if (part.path("type").asText().equals("TABLE_FUNCTION")) {
      String name = part.path("function").path("function_name").asText().toLowerCase(Locale.ROOT);
      if (!onlyReads(name)) {
        throw new LorikeetException(
            source + ": " + name + "() may do more than read: a sql: source only reads");
      }
    }
    part.forEach(inner -> mustOnlyRead(source, inner));
  }

  /** Whether a table function is known to do nothing but read. */
  static boolean onlyReads(String function) {
    return READING.contains(function) || READING_PREFIXES.stream().anyMatch(function::startsWith);
  }
}
