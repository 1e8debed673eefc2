package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What bad files, bad rows and bad settings give: one line that says what, where and the mend. */
class DataReaderErrorsTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");
  private static final String MEND = "; mend the row, or have bad rows skipped";

  @TempDir private Path folder;

  // ---- the source ----

  @Test
  void aMissingFile() {
    Path file = folder.resolve("none.jsonl");
    fails(file.toString(), file + ": no such file");
  }

  @Test
  void aFolderWithoutData() throws IOException {
    Path file = Files.createDirectory(folder.resolve("x"));
    Files.writeString(file.resolve("notes.md"), "text,label");
    misused(
        file.toString(),
        file
            + ": the folder has no file of a known format: name a file, or say the format before"
            + " the name (csv:"
            + file
            + ")");
  }

  @Test
  void aFolderOfSeveralFormatsOrSplits() throws IOException {
    write("a.csv", "text,label\nx,y\n");
    write("b.jsonl", "{}\n");
    misused(
        folder.toString(),
        folder
            + ": the folder has files of several formats (a.csv, b.jsonl): say which before its"
            + " name (csv:"
            + folder
            + "), or name the file");
    Path splits = Files.createDirectory(folder.resolve("splits"));
    write("splits/train-00000-of-00001.csv", "text,label\nx,y\n");
    write("splits/my_test.csv", "text,label\nx,y\n");
    misused(
        splits.toString(),
        splits
            + ": the folder has training and evaluation files, train-00000-of-00001.csv and"
            + " my_test.csv: name the file");
  }

  @Test
  void anUnknownEnding() {
    misused(
        "notes.doc",
        "notes.doc: the ending says nothing of what it is: use .jsonl, .json, .csv, .tsv, .txt,"
            + " .conll (these also packed, .gz or .zst) or .parquet, say it before the name"
            + " (csv:notes.doc), or give a query (sql:SELECT ...)");
  }

  @ParameterizedTest
  @CsvSource({"jsonl", "csv", "tsv"})
  void anEmptyFile(String ending) throws IOException {
    Path file = write("a." + ending, "");
    fails(file.toString(), file + ": no rows: is this the right file?");
  }

  @Test
  void aFileOfBlankLinesOrOfAHeaderAlone() throws IOException {
    Path jsonl = write("a.jsonl", "\n  \r\n\n");
    fails(jsonl.toString(), jsonl + ": no rows: is this the right file?");
    Path csv = write("a.csv", "text,label\n\n");
    fails(csv.toString(), csv + ": no rows: is this the right file?");
  }

  @Test
  void aQueryWithoutRows() {
    fails(
        "sql:SELECT 'a' AS text, 'b' AS label LIMIT 0",
        "the query: no rows: is this the right file?");
  }

  @Test
  void aLineThatNoRowHas() throws IOException {
    Path file = folder.resolve("a.jsonl");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1L << 29);
    }
    fails(
        file.toString(),
        file
            + ":1: the line has more than 67,108,864 bytes: is this a text file with a row a"
            + " line?");
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aNameThatDuckDbCannotOpen() throws IOException {
    Path file = write("a\\[1].parquet", "");
    fails(
        file.toString(),
        file + ": DuckDB cannot open a name with a backslash and one of [*? in it: rename it");
  }

  @Test
  void aQueryOfAMissingFile() {
    fails(
        "sql:SELECT * FROM 'nowhere.parquet'",
        "the query: DuckDB says: IO Error: No files found that match the pattern"
            + " \"nowhere.parquet\"");
  }

  @Test
  void aQueryThatDuckDbRefuses() {
    fails(
        "sql:SELECT text FROM nowhere",
        "the query: DuckDB says: Catalog Error: Table with name nowhere does not exist!");
  }

  @Test
  void aQueryThatIsMoreThanAQuestion() {
    fails(
        "sql:SELECT 1; DROP TABLE x",
        "the query: a sql: source is one SELECT, and nothing that writes, attaches or loads");
  }

  @Test
  void aFileThatIsNotParquet() throws IOException {
    Path file = write("a.parquet", "text,label\nx,1\n");
    fails(
        file.toString(),
        file
            + ": DuckDB says: Invalid Input Error: No magic bytes found at end of file '"
            + file
            + "'");
  }

  @Test
  void aFileThatIsNotUtf8() throws IOException {
    Path csv = folder.resolve("a.csv");
    Files.write(csv, "text,label\n\ncafé,x\n".getBytes(StandardCharsets.ISO_8859_1));
    fails(csv.toString(), csv + ":3: not UTF-8: save the file as UTF-8");
    Files.write(csv, "text,label\n\"one\ncafé\",x\n".getBytes(StandardCharsets.ISO_8859_1));
    fails(csv.toString(), csv + ":3: not UTF-8: save the file as UTF-8");
    Path jsonl = folder.resolve("a.jsonl");
    Files.write(jsonl, "{\"text\":\"café\"}\n".getBytes(StandardCharsets.ISO_8859_1));
    fails(jsonl.toString(), jsonl + ":1: not UTF-8: save the file as UTF-8");
  }

  @Test
  void allRowsBad() throws IOException {
    Path file = write("a.csv", "text,label\nx\ny\n");
    assertThatThrownBy(() -> read(file.toString(), ProblemType.SINGLE_LABEL, OnBadRow.SKIP))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(
            file + ": all 2 rows are bad; first " + file + ":2: 1 field, but the header has 2");
  }

  @Test
  void noDuckDbOnTheClassPath() throws IOException, SQLException {
    Path file = write("a.parquet", "");
    List<Driver> drivers = new ArrayList<>(DriverManager.drivers().toList());
    for (Driver driver : drivers) {
      DriverManager.deregisterDriver(driver);
    }
    try {
      fails(
          file.toString(),
          file + ": cannot be read: DuckDB is not on the class path: add org.duckdb:duckdb_jdbc");
    } finally {
      for (Driver driver : drivers) {
        DriverManager.registerDriver(driver);
      }
    }
  }

  @Test
  void onlyOneClassKnowsOfSql() throws IOException {
    try (Stream<Path> classes = Files.walk(Path.of("target/classes"))) {
      List<String> users =
          classes
              .filter(file -> file.toString().endsWith(".class"))
              .filter(DataReaderErrorsTest::mentionsSql)
              .map(file -> file.getFileName().toString())
              .toList();
      assertThat(users).isNotEmpty().allMatch(name -> name.matches("DuckDb(\\$\\w+)?\\.class"));
    }
  }

  private static boolean mentionsSql(Path classFile) {
    try {
      String bytes = Files.readString(classFile, StandardCharsets.ISO_8859_1);
      return bytes.contains("java/sql/") || bytes.contains("org/duckdb/");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  // ---- columns ----

  @Test
  void anUnknownColumnInEachKindOfSource() throws IOException, SQLException {
    Path jsonl =
        write("a.jsonl", "{\"txt\":\"a\",\"label\":\"b\"}\n\n{\"Text\":\"a\",\"label\":\"b\"}\n");
    unknownColumn(
        jsonl + "", jsonl + ": no column \"text\"; nearest: Text; there are: Text, label, txt");
    Path csv = write("a.csv", "id,txt,label\n1,a,b\n");
    unknownColumn(csv + "", csv + ": no column \"text\"; nearest: txt; there are: id, txt, label");
    Path parquet = folder.resolve("a.parquet");
    sql("COPY (SELECT 'a' AS txt, 'b' AS label) TO '" + parquet + "'");
    unknownColumn(
        parquet + "", parquet + ": no column \"text\"; nearest: txt; there are: txt, label");
    unknownColumn(
        "sql:SELECT 'a' AS txt, 'b' AS label",
        "the query: no column \"text\"; nearest: txt; there are: txt, label");
  }

  @Test
  void anUnknownColumnIsAnErrorEvenWhenBadRowsAreSkipped() throws IOException {
    Path jsonl = write("a.jsonl", "{\"txt\":\"a\",\"label\":\"b\"}\n");
    assertThatThrownBy(() -> read(jsonl.toString(), ProblemType.SINGLE_LABEL, OnBadRow.SKIP))
        .isInstanceOf(UsageException.class)
        .hasMessage(jsonl + ": no column \"text\"; nearest: txt; there are: label, txt");
  }

  @Test
  void jsonObjectsWithoutAnyField() throws IOException {
    Path jsonl = write("a.jsonl", "{}\n");
    unknownColumn(jsonl + "", jsonl + ": no column \"text\", nor any other");
  }

  @Test
  void aColumnThatIsThereTwice() throws IOException {
    Path csv = write("a.csv", "text,label,text\na,b,c\n");
    fails(csv.toString(), csv + ": the header has column \"text\" twice: rename one");
  }

  @Test
  void aMalformedHeader() throws IOException {
    Path csv = write("a.csv", "\"text,label\na,b\n");
    fails(csv.toString(), csv + ": the header has a quoted field that is never closed");
  }

  @Test
  void columnsThatTheTaskHasNoUseFor() {
    assertThatThrownBy(
            () ->
                DataReader.read(
                    "a.csv",
                    new Columns("text", "other", null),
                    Formats.of(HeadType.TOKEN_CLASSIFICATION, ProblemType.SINGLE_LABEL),
                    OnBadRow.FAIL))
        .isInstanceOf(UsageException.class)
        .hasMessage("token-classification takes single texts, not column \"other\" as well");
    assertThatThrownBy(
            () ->
                DataReader.read(
                    "a.csv",
                    TEXT_AND_LABEL,
                    Formats.of(HeadType.MASKED_LM, ProblemType.SINGLE_LABEL),
                    OnBadRow.FAIL))
        .isInstanceOf(UsageException.class)
        .hasMessage("masked-lm takes no labels: leave column \"label\" out");
  }

  // ---- rows ----

  @ParameterizedTest
  @CsvSource(
      delimiter = '^',
      quoteCharacter = '`',
      value = {
        "{\"text\": \"d\",^not JSON: it ends too early, at character 14",
        "{\"text\":\"e\"}{\"text\":\"f\"}^not a JSON object: more behind it, write one a line",
        "plain^not JSON: unrecognized token 'plain': was expecting (JSON String, Number, Array,"
            + " Object or token 'null', 'true' or 'false'), at character 6",
        "\"text\"^not a JSON object: write one object a line, or one array of objects",
        "{\"text\":\"x\",\"label\":1,\"text\":\"y\"}^not JSON: duplicate field 'text', at character"
            + " 29",
        "{\"text\":\"x\",\"label\":1,\"more\":[{\"a\":1,\"a\":2}]}^not JSON: duplicate field 'a', at"
            + " character 41",
        "{\"label\":\"y\"}^\"text\" is missing",
        "{\"text\":null,\"label\":\"y\"}^\"text\" is null",
        "{\"text\":\" \\n\",\"label\":\"y\"}^\"text\" is empty",
        "{\"text\":5,\"label\":\"y\"}^\"text\" is a number or a boolean, not a string",
        "{\"text\":[\"a\"],\"label\":\"y\"}^\"text\" is an array of strings, not a string",
        "{\"text\":\"x\"}^\"label\" is missing",
        "{\"text\":\"x\",\"label\":null}^\"label\" is null",
        "{\"text\":\"x\",\"label\":\"\"}^\"label\" is empty",
        "{\"text\":\"x\",\"label\":[\"a\"]}^\"label\" is an array of strings;"
            + " single_label_classification takes one label a row: for several give --problem-type"
            + " multi_label_classification",
        "{\"text\":\"x\",\"label\":{}}^\"label\" is an object, or an array that holds more than"
            + " strings, numbers and booleans; single_label_classification takes one label a row",
      })
  void aMalformedJsonLine(String line, String problem) throws IOException {
    Path file = write("a.jsonl", "{\"text\":\"x\",\"label\":\"y\"}\r\n\n" + line + "\n");
    fails(file.toString(), file + ":3: " + problem + MEND);
  }

  @Test
  void anArrayThatIsBroken() throws IOException {
    Path cut = write("a.json", "[\n  {\"text\":\"x\",\"label\":\"y\"},\n  {\"text\":\"y\"");
    fails(cut.toString(), cut + ":3: the array is not JSON: it ends too early, at character 14");
    Path twice = write("d.json", "[\n  {\"text\":\"x\",\n  \"text\":\"y\"}]");
    fails(
        twice.toString(),
        twice + ":3: the array is not JSON: duplicate field 'text', at character 9");
    Path more = write("b.json", "[{\"text\":\"x\",\"label\":\"y\"}]\n\n{}");
    fails(
        more.toString(), more + ":3: more behind the array: write one array, or an object a line");
    Path number = write("c.json", "[\n{\"text\":\"x\",\"label\":\"y\"},\n7]");
    fails(
        number.toString(),
        number + ":3: not a JSON object: write one object a line, or one array of objects" + MEND);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '^',
      quoteCharacter = '`',
      value = {
        "x^1 field, but the header has 2",
        "x,y,z^3 fields, but the header has 2",
        "x,^\"label\" is empty",
        "\"\",y^\"text\" is empty",
        "\"x\" z,y^text after a closing quote (a quote inside a field is written twice), in column"
            + " \"text\"",
        "x,\"y^a quoted field that is never closed, in column \"label\"",
        "x,y,\"z^a quoted field that is never closed, in field 3",
      })
  void aMalformedCsvRow(String row, String problem) throws IOException {
    Path file = write("a.csv", "text,label\r\n\"one\r\n\r\nrow\",a\r\n\r\n" + row + "\r\n");
    fails(file.toString(), file + ":6: " + problem + MEND);
  }

  @Test
  void aLabelThatIsNoNumberInRegression() throws IOException {
    for (String label : List.of("high", "NaN", "1e99", "true", "0x10", "1f")) {
      Path file = write("a.csv", "text,label\nx," + label + "\n");
      assertThatThrownBy(() -> read(file.toString(), ProblemType.REGRESSION, OnBadRow.FAIL))
          .isExactlyInstanceOf(LorikeetException.class)
          .hasMessage(file + ":2: \"label\" is \"" + label + "\", not a number" + MEND);
    }
  }

  @Test
  void anEmptyLabelAmongSeveral() throws IOException {
    Path csv = write("a.csv", "text,label\nx,a||b\n");
    assertThatThrownBy(() -> read(csv.toString(), ProblemType.MULTI_LABEL, OnBadRow.FAIL))
        .hasMessage(csv + ":2: \"label\" is empty at place 2 of 3" + MEND);
    Path jsonl = write("a.jsonl", "{\"text\":\"x\",\"label\":[\"a\",null]}\n");
    assertThatThrownBy(() -> read(jsonl.toString(), ProblemType.MULTI_LABEL, OnBadRow.FAIL))
        .hasMessage(
            jsonl
                + ":1: \"label\" is an object, or an array that holds more than strings, numbers"
                + " and booleans"
                + MEND);
  }

  @Test
  void moreOrFewerLabelsThanWords() throws IOException {
    Path jsonl = write("a.jsonl", "{\"text\":[\"a\",\"b\"],\"label\":[\"O\"]}\n");
    taggedFails(jsonl, jsonl + ":1: 1 label for 2 words" + MEND);
    Path csv = write("a.csv", "text,label\na,O O\n");
    taggedFails(csv, csv + ":2: 2 labels for 1 word" + MEND);
    Path empty = write("b.jsonl", "{\"text\":[\"a\",\"\"],\"label\":[\"O\",\"O\"]}\n");
    taggedFails(empty, empty + ":1: \"text\" is empty at place 2 of 2" + MEND);
    Path none = write("c.jsonl", "{\"text\":[],\"label\":[]}\n");
    taggedFails(none, none + ":1: \"text\" is empty" + MEND);
    Path number = write("d.jsonl", "{\"text\":3,\"label\":[]}\n");
    taggedFails(number, number + ":1: \"text\" is a number or a boolean, not a string" + MEND);
  }

  @Test
  void rowsOfParquetFilesAndQueriesAreCounted() throws SQLException {
    String rows = "SELECT if(i = 17, NULL, 't') AS text, i AS label FROM range(1, 30) t(i)";
    Path parquet = folder.resolve("a.parquet");
    sql("COPY (" + rows + ") TO '" + parquet + "'");
    fails(parquet.toString(), parquet + ", row 17: \"text\" is null" + MEND);
    fails("sql:" + rows + ";", "the query, row 17: \"text\" is null" + MEND);
  }

  private static void unknownColumn(String source, String message) {
    misused(source, message);
  }

  private static void misused(String source, String message) {
    assertThatThrownBy(() -> read(source)).isInstanceOf(UsageException.class).hasMessage(message);
  }

  private static void fails(String source, String message) {
    assertThatThrownBy(() -> read(source))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  private static void taggedFails(Path file, String message) {
    assertThatThrownBy(
            () ->
                DataReader.read(
                    file.toString(),
                    TEXT_AND_LABEL,
                    Formats.of(HeadType.TOKEN_CLASSIFICATION, ProblemType.SINGLE_LABEL),
                    OnBadRow.FAIL))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  private static void read(String source) {
    read(source, ProblemType.SINGLE_LABEL, OnBadRow.FAIL);
  }

  private static void read(String source, ProblemType problemType, OnBadRow onBadRow) {
    DataReader.read(
        source,
        TEXT_AND_LABEL,
        Formats.of(HeadType.SEQUENCE_CLASSIFICATION, problemType),
        onBadRow);
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static void sql(String statement) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        Statement run = connection.createStatement()) {
      run.execute(statement);
    }
  }
}
