package dev.lorikeet.data.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Formats;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A query as a source of rows reads, whatever is written in it. */
class SqlSourceTest {
  private static final String NO_SELECT =
      "the query: a sql: source is one SELECT, and nothing that writes, attaches or loads";

  /** Those table functions of DuckDB 1.4 that do more than read, or run what they are given. */
  private static final Set<String> NOT_ONLY_READING =
      Set.of(
          "arrow_scan",
          "arrow_scan_dumb",
          "checkpoint",
          "disable_logging",
          "enable_logging",
          "force_checkpoint",
          "json_execute_serialized_sql",
          "query",
          "query_table",
          "seq_scan",
          "test_all_types",
          "test_vector_types",
          "truncate_duckdb_logs",
          "which_secret");

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "COPY (SELECT 1) TO 'FOLDER/x.csv'",
        "SELECT 'a' AS text, 'b' AS label; COPY (SELECT 1) TO 'FOLDER/x.csv'",
        "SELECT 'a' AS text, 'b' AS label) ; COPY (SELECT 1) TO 'FOLDER/x.csv'; SELECT (1",
        "SELECT 'a' AS text); COPY (SELECT 1) TO 'FOLDER/x.csv'; FROM (SELECT 1",
        "ATTACH 'FOLDER/x.db'",
        "EXPORT DATABASE 'FOLDER/x'",
        "INSTALL httpfs",
        "LOAD 'FOLDER/x.duckdb_extension'",
        "SET temp_directory = 'FOLDER/x'",
        "PRAGMA enable_profiling",
        "CALL enable_logging(storage = 'file', storage_path = 'FOLDER/x')",
        "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = 'FOLDER/x')",
        "WITH a AS (FROM enable_logging('QueryLog', storage='file', storage_path='FOLDER/x'))"
            + " SELECT 'a' AS text, 'b' AS label FROM a",
        "SELECT (SELECT 1 FROM ENABLE_LOGGING(storage_path = 'FOLDER/x')) AS text, 'b' AS label",
        "SELECT * FROM query('FROM enable_logging(storage = ''file'')')",
        "CREATE TABLE x AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "",
      })
  void whatDoesMoreThanReadIsRefusedBeforeItRuns(String sql) throws IOException {
    assertThatThrownBy(() -> read(sql.replace("FOLDER", folder.toString())))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessageMatching(
            "the query: (a sql: source is one SELECT, and nothing that writes, attaches or loads"
                + "|\\w+\\(\\) may do more than read: a sql: source only reads"
                + "|DuckDB says: Parser Error: syntax error at or near \".*\")");
    try (Stream<Path> written = Files.list(folder)) {
      assertThat(written).isEmpty();
    }
  }

  @Test
  void theErrorSaysWhatASourceIs() {
    assertThatThrownBy(() -> read("SELECT 1; SELECT 2")).hasMessage(NO_SELECT);
    assertThatThrownBy(() -> read("SELECT * FROM enable_logging()"))
        .hasMessage("the query: enable_logging() may do more than read: a sql: source only reads");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT * FROM 'FOLDER/*.csv' ORDER BY label;",
        "FROM read_csv('FOLDER/a.csv') -- all of it",
        "WITH a AS (FROM 'FOLDER/a.csv') SELECT text, label FROM a /* done */ ;;\n",
        "VALUES ('x', 'y') UNION ALL FROM 'FOLDER/a.csv' LIMIT 0",
        "SELECT t.text, t.label FROM 'FOLDER/a.csv' t JOIN range(1) r ON true",
      })
  void oneSelectReadsTheFilesThatItNames(String sql) throws IOException {
    Files.writeString(folder.resolve("a.csv"), "text,label\nx,y\n");
    String query = sql.replace("FOLDER", folder.toString());
    if (sql.startsWith("VALUES")) {
      assertThatThrownBy(() -> read(query)).hasMessageStartingWith("the query: no column \"text\"");
    } else {
      assertThat(read(query)).containsExactly(Example.of("x", "y"));
    }
  }

  @Test
  void ofEveryTableFunctionItIsKnownWhetherItOnlyReads() throws SQLException {
    Set<String> others = new TreeSet<>();
    try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = connection.createStatement();
        ResultSet functions =
            statement.executeQuery(
                "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type ="
                    + " 'table'")) {
      while (functions.next()) {
        if (!OneSelect.onlyReads(functions.getString(1))) {
          others.add(functions.getString(1));
        }
      }
    }
    assertThat(others).isEqualTo(new TreeSet<>(NOT_ONLY_READING));
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void whatIsSpilledLiesInAFolderOfTheOwnerThatIsGoneAfterwards() throws IOException {
    Path made;
    try (SpillFolder spilled = SpillFolder.open()) {
      made = spilled.path();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
          .isEqualTo("rwx------");
      Files.writeString(made.resolve("block"), "spilled");
    }
    assertThat(made).doesNotExist();
  }

  @Test
  void whatKilledProcessesLeftIsRemoved() throws IOException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    Path left = Files.createTempDirectory(temporary, ".lorikeet-");
    Path renamed = Files.move(left, left.resolveSibling(left.getFileName() + ".tmp"));
    Files.writeString(renamed.resolve("block"), "spilled");
    Path lock = Files.createFile(left.resolveSibling(left.getFileName() + ".lock"));
    read("SELECT 'x' AS text, 'y' AS label");
    assertThat(renamed).doesNotExist();
    assertThat(lock).doesNotExist();
  }

  private static List<Example> read(String sql) {
    return DataReader.read(
            "sql:" + sql,
            new Columns("text", null, "label"),
            Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.FAIL)
        .examples();
  }
}
