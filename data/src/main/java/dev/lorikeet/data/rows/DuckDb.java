package dev.lorikeet.data.rows;

import dev.lorikeet.torch.ExtractedNatives;
import dev.lorikeet.torch.LorikeetException;
import java.io.File;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An empty DuckDB in memory, through which tables are read. It runs SELECTs only, with locked
 * settings; it loads and fetches no extension, and what it spills to the disk is deleted. The only
 * class that knows java.sql, so that all else works without DuckDB's driver.
 */
final class DuckDb implements AutoCloseable {
  private static final String URL = "jdbc:duckdb:";
  private static final Pattern GLOB = Pattern.compile("[\\[*?]");

  private final String source;
  private final Connection connection;
  private final SpillFolder spilled;

  private DuckDb(String source, Connection connection, SpillFolder spilled) {
    this.source = source;
    this.connection = connection;
    this.spilled = spilled;
  }

  /**
   * Opens a database of its own.
   *
   * @param source what errors begin with
   * @throws LorikeetException when DuckDB's driver is not on the class path
   */
  static DuckDb open(String source) {
    ExtractedNatives.removeAbandoned("libduckdb_java");
    SpillFolder spilled = SpillFolder.open();
    try {
      return new DuckDb(source, DriverManager.getConnection(URL, settings(spilled)), spilled);
    } catch (SQLException e) {
      spilled.close();
      String reason = e.getMessage();
      if (reason != null && reason.startsWith("No suitable driver")) {
        reason = "DuckDB is not on the class path: add org.duckdb:duckdb_jdbc";
      }
      throw new LorikeetException(source + ": cannot be read: " + reason, e);
    }
  }

  private static Properties settings(SpillFolder spilled) {
    Properties settings = new Properties();
    settings.setProperty("jdbc_stream_results", "true");
    settings.setProperty("temp_directory", spilled.path().toString());
    settings.setProperty("autoinstall_known_extensions", "false");
    settings.setProperty("autoload_known_extensions", "false");
    settings.setProperty("allow_community_extensions", "false");
    settings.setProperty("allow_persistent_secrets", "false");
    settings.setProperty("lock_configuration", "true");
    return settings;
  }

  /**
   * Checks what a user wrote, without running it.
   *
   * @throws LorikeetException when it is anything else than one SELECT that only reads
   */
  void mustBeOneSelect(String sql) {
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT CAST(json_serialize_sql(" + quote(sql) + ") AS VARCHAR)")) {
      rows.next();
      OneSelect.check(source, rows.getString(1));
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /**
   * A file's name as SQL text that stands for this file only: no quote ends it, no glob opens.
   *
   * @throws LorikeetException when DuckDB knows no way to write the name
   */
  String literal(Path file) {
    String name = file.toAbsolutePath().normalize().toString();
    boolean glob = GLOB.matcher(name).find();
    if (glob && File.separatorChar != '\\' && name.indexOf('\\') >= 0) {
      throw new LorikeetException(
          source + ": DuckDB cannot open a name with a backslash and one of [*? in it: rename it");
    }
    return quote(GLOB.matcher(name).replaceAll("[$0]"));
  }

  /** Text as an SQL string. */
  static String quote(String text) {
    return "'" + text.replace("'", "''") + "'";
  }

  /** A column's name as SQL. */
  static String identifier(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  /** The names of the columns that a query answers with. */
  List<String> columns(String select) {
    mustBeOneSelect(select);
    List<String> names = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(select)) {
      ResultSetMetaData columns = statement.getMetaData();
      for (int i = 1; i <= columns.getColumnCount(); i++) {
        names.add(columns.getColumnName(i));
      }
    } catch (SQLException e) {
      throw failure(e);
    }
    return names;
  }

  /** Runs a query of one column; its rows are fetched as they are asked for. */
  Cursor query(String select) {
    mustBeOneSelect(select);
    try {
      Statement statement = connection.createStatement();
      return new Cursor(statement, statement.executeQuery(select));
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  private LorikeetException failure(SQLException e) {
    String firstLine = String.valueOf(e.getMessage()).strip().lines().findFirst().orElse("");
    return new LorikeetException(source + ": DuckDB says: " + firstLine, e);
  }

  @Override
  public void close() {
    try (spilled) {
      connection.close();
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /** The rows of an answer, one after the other. */
  final class Cursor implements AutoCloseable {
    private final Statement statement;
    private final ResultSet rows;

    private Cursor(Statement statement, ResultSet rows) {
      this.statement = statement;
      this.rows = rows;
    }

    boolean next() {
      try {
        return rows.next();
      } catch (SQLException e) {
        throw failure(e);
      }
    }

    /** The value of the row that {@link #next} went to. */
    @Nullable String text() {
      try {
        return rows.getString(1);
      } catch (SQLException e) {
        throw failure(e);
      }
    }

    @Override
    public void close() {
      try (statement) {
        rows.close();
      } catch (SQLException e) {
        throw failure(e);
      }
    }
  }
}
