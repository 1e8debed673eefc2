package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import java.io.File;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An empty DuckDB in memory, through which files are read. The only class that knows java.sql, so
 * that all else works without DuckDB's driver.
 */
final class DuckDb implements AutoCloseable {
  private static final String URL = "jdbc:duckdb:";
  private static final Pattern GLOB = Pattern.compile("[\\[*?]");
  private static final Pattern JSON_ERROR =
      Pattern.compile("Malformed JSON at byte (\\d+) of input: (.*?)\\. +Input:", Pattern.DOTALL);

  private final String source;
  private final Connection connection;

  private DuckDb(String source, Connection connection) {
    this.source = source;
    this.connection = connection;
  }

  /**
   * Has the native library loaded, which takes a while; who opens a database then hears of errors.
   */
  static void start() {
    try {
      DriverManager.getConnection(URL).close();
    } catch (SQLException e) {
      // Not here: data may come from elsewhere.
    }
  }

  /**
   * Opens a database of its own.
   *
   * @param source what errors begin with
   * @throws LorikeetException when DuckDB's driver is not on the class path
   */
  static DuckDb open(String source) {
    Properties settings = new Properties();
    settings.setProperty("jdbc_stream_results", "true");
    // A query that spills to disk would otherwise leave a .tmp in the user's working folder.
    settings.setProperty(
        "temp_directory", Path.of(System.getProperty("java.io.tmpdir"), "lorikeet.tmp").toString());
    // No native code from the network unasked.
    settings.setProperty("autoinstall_known_extensions", "false");
    try {
      return new DuckDb(source, DriverManager.getConnection(URL, settings));
    } catch (SQLException e) {
      String reason = e.getMessage();
      if (reason != null && reason.startsWith("No suitable driver")) {
        reason = "DuckDB is not on the class path: add org.duckdb:duckdb_jdbc";
      }
      throw new LorikeetException(source + ": cannot be read: " + reason, e);
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
  List<String> columns(String sql) {
    List<String> names = new ArrayList<>();
    try (Cursor rows = query("DESCRIBE " + sql)) {
      while (rows.next()) {
        names.add(String.valueOf(rows.text(1)));
      }
    }
    return names;
  }

  /** Runs a query; its rows are fetched as they are asked for. */
  Cursor query(String sql) {
    try {
      Statement statement = connection.createStatement();
      return new Cursor(statement, statement.executeQuery(sql));
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /** Why {@code text} is no JSON, and after how many bytes. */
  static String jsonError(String text) {
    try (Connection connection = DriverManager.getConnection(URL);
        PreparedStatement cast = connection.prepareStatement("SELECT json(CAST(? AS VARCHAR))")) {
      cast.setString(1, text);
      cast.executeQuery().close();
    } catch (SQLException e) {
      Matcher matcher = JSON_ERROR.matcher(String.valueOf(e.getMessage()));
      if (matcher.find()) {
        return matcher.group(2) + " at byte " + matcher.group(1);
      }
    }
    return "malformed";
  }

  private LorikeetException failure(SQLException e) {
    String firstLine = String.valueOf(e.getMessage()).strip().lines().findFirst().orElse("");
    return new LorikeetException(source + ": DuckDB says: " + firstLine, e);
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /** The rows of an answer, one after the other; columns count from 1. */
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

    long number(int column) {
      try {
        return rows.getLong(column);
      } catch (SQLException e) {
        throw failure(e);
      }
    }

    @Nullable String text(int column) {
      try {
        return rows.getString(column);
      } catch (SQLException e) {
        throw failure(e);
      }
    }

    @Nullable List<String> texts(int column) {
      try {
        Array array = rows.getArray(column);
        if (array == null) {
          return null;
        }
        List<String> texts = new ArrayList<>();
        for (Object element : (Object[]) array.getArray()) {
          texts.add(String.valueOf(element));
        }
        return texts;
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
