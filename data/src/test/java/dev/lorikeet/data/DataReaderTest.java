package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What good files give. */
class DataReaderTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");

  @TempDir private Path folder;

  @Test
  void jsonLinesCsvTsvParquetAndSqlGiveTheSameExamples() throws IOException, SQLException {
    List<Example> expected =
        List.of(
            Example.of("a \"tail\", wagging", "animal"),
            Example.of("naïve 雪 😀\tx", "state"),
            Example.of("two\nlines", "animal"));
    Path jsonl =
        write(
            "a.jsonl",
            """
            {"text": "a \\"tail\\", wagging", "label": "animal"}
            {"label": "state", "text": "naïve 雪 \\ud83d\\ude00\\tx"}
            {"text": "two\\nlines", "label": "animal", "more": [1, {"x": null}]}
            """);
    Path csv =
        write(
            "a.csv",
            """
            text,label
            "a ""tail"", wagging",animal
            naïve 雪 😀\tx,state
            "two
            lines",animal
            """);
    Path tsv =
        write(
            "a.tsv",
            """
            id\ttext\tlabel
            1\ta "tail", wagging\tanimal
            2\t"naïve 雪 😀\tx"\tstate
            3\t"two
            lines"\tanimal
            """);
    Path parquet = folder.resolve("a.parquet");
    sql("COPY (FROM read_csv('" + csv + "')) TO '" + parquet + "'");

    assertThat(read(jsonl)).isEqualTo(expected);
    assertThat(read(csv)).isEqualTo(expected);
    assertThat(read(tsv)).isEqualTo(expected);
    assertThat(read(parquet)).isEqualTo(expected);
    assertThat(read("sql:SELECT label, text FROM '" + parquet + "' -- all of it"))
        .isEqualTo(expected);
  }

  @Test
  void allEndingsOfJsonLinesAreRead() throws IOException {
    for (String name : List.of("a.jsonl", "a.ndjson", "a.json", "A.JSONL")) {
      assertThat(read(write(name, "{\"text\":\"x\",\"label\":\"y\"}")))
          .containsExactly(Example.of("x", "y"));
    }
  }

  @Test
  void aByteOrderMarkCrlfAndAMissingLastLineBreakChangeNothing() throws IOException {
    Path jsonl =
        write(
            "a.jsonl",
            "\uFEFF{\"text\":\"x\",\"label\":\"1\"}\r\n{\"text\":\"y\",\"label\":\"2\"}");
    Path csv = write("a.csv", "\uFEFFtext,label\r\nx,1\r\ny,2");
    List<Example> expected = List.of(Example.of("x", "1"), Example.of("y", "2"));
    assertThat(read(jsonl)).isEqualTo(expected);
    assertThat(read(csv)).isEqualTo(expected);
  }

  @Test
  void aQuotedFieldKeepsItsLineBreaksAsTheyAre() throws IOException {
    Path csv = write("a.csv", "label,text\r\na,\"one\r\n\r\ntwo\nthree\"\r\nb,\"\"\"\"\r\n");
    assertThat(read(csv))
        .containsExactly(Example.of("one\r\n\r\ntwo\nthree", "a"), Example.of("\"", "b"));
  }

  @Test
  void quotesInsideAnUnquotedFieldAreText() throws IOException {
    assertThat(read(write("a.csv", "text,label\na 5\" disk,\"food\"\n")))
        .containsExactly(Example.of("a 5\" disk", "food"));
  }

  @Test
  void textsOfAMegabyteAreRead() throws IOException {
    String text = "é".repeat(1 << 20);
    assertThat(read(write("a.jsonl", "{\"text\":\"" + text + "\",\"label\":\"x\"}\n")))
        .containsExactly(Example.of(text, "x"));
    assertThat(read(write("a.csv", "text,label\n\"" + text + "\",x\n")))
        .containsExactly(Example.of(text, "x"));
  }

  @Test
  void labelsMayBeNumbersAndBooleans() throws IOException {
    Path jsonl =
        write(
            "a.jsonl",
            """
            {"text":"a","label":7}
            {"text":"b","label":true}
            {"text":"c","label":-2.5}
            """);
    assertThat(read(jsonl))
        .containsExactly(Example.of("a", "7"), Example.of("b", "true"), Example.of("c", "-2.5"));
    assertThat(read("sql:SELECT 'a' AS text, 7::TINYINT AS label UNION ALL SELECT 'b', 8"))
        .containsExactly(Example.of("a", "7"), Example.of("b", "8"));
  }

  @Test
  void pairsAreReadAndTheirColumnsMayHaveAnyName() throws IOException {
    Columns columns = new Columns("a/b~c", "it's \"2\"", "🏷");
    Path jsonl = write("a.jsonl", "{\"a/b~c\":\"x\", \"it's \\\"2\\\"\":\"y\", \"🏷\":\"z\"}\n");
    Path csv = write("a.csv", "a/b~c,\"it's \"\"2\"\"\",🏷\nx,y,z\n");
    Example expected = Example.ofPair("x", "y", "z");
    assertThat(read(jsonl.toString(), columns, ProblemType.SINGLE_LABEL)).containsExactly(expected);
    assertThat(read(csv.toString(), columns, ProblemType.SINGLE_LABEL)).containsExactly(expected);
  }

  @Test
  void withoutALabelColumnRowsAreUnlabelled() throws IOException {
    Path jsonl = write("a.jsonl", "{\"text\":\"x\",\"label\":5}\n");
    assertThat(read(jsonl.toString(), new Columns("text", null, null), ProblemType.SINGLE_LABEL))
        .containsExactly(Example.of("x"));
  }

  @Test
  void regressionTakesNumbersAndTextsOfNumbers() throws IOException {
    Path jsonl =
        write("a.jsonl", "{\"text\":\"x\",\"label\":1.5}\n{\"text\":\"y\",\"label\":\"-3e2\"}\n");
    assertThat(read(jsonl.toString(), TEXT_AND_LABEL, ProblemType.REGRESSION))
        .containsExactly(Example.of("x", "1.5"), Example.of("y", "-3e2"));
  }

  @Test
  void severalLabelsAreAnArrayOrStandBetweenBars() throws IOException {
    Path jsonl =
        write(
            "a.jsonl",
            """
            {"text":"x","label":["b","a","b"]}
            {"text":"y","label":[]}
            {"text":"z","label":"a|b"}
            {"text":"w","label":[1,true]}
            """);
    Path csv = write("a.csv", "text,label\nx,b|a\ny,\nz, a | b \n");
    assertThat(read(jsonl.toString(), TEXT_AND_LABEL, ProblemType.MULTI_LABEL))
        .containsExactly(
            Example.of("x", "b", "a"),
            Example.of("y"),
            Example.of("z", "a|b"),
            Example.of("w", "1", "true"));
    assertThat(read(csv.toString(), TEXT_AND_LABEL, ProblemType.MULTI_LABEL))
        .containsExactly(Example.of("x", "b", "a"), Example.of("y"), Example.of("z", "a", "b"));
    assertThat(
            read(
                "sql:SELECT 'x' AS text, ['b', 'a'] AS label",
                TEXT_AND_LABEL,
                ProblemType.MULTI_LABEL))
        .containsExactly(Example.of("x", "b", "a"));
  }

  @Test
  void wordsAreAnArrayOrStandBetweenSpacesAndSoDoTheirLabels() throws IOException {
    Path jsonl =
        write(
            "a.jsonl",
            """
            {"text":["New York","sleeps"],"label":["B-LOC","O"]}
            {"text":"it  never sleeps","label":[0,1,2]}
            {"text":" one ","label":"O"}
            """);
    Path csv = write("a.csv", "text,label\nit never,O O\n");
    assertThat(tagged(jsonl, TEXT_AND_LABEL))
        .containsExactly(
            Example.ofWords(List.of("New York", "sleeps"), List.of("B-LOC", "O")),
            new Example(
                "it  never sleeps", null, List.of("it", "never", "sleeps"), List.of("0", "1", "2")),
            new Example(" one ", null, List.of("one"), List.of("O")));
    assertThat(tagged(csv, TEXT_AND_LABEL))
        .containsExactly(Example.ofWords(List.of("it", "never"), List.of("O", "O")));
    assertThat(tagged(csv, new Columns("text", null, null)))
        .containsExactly(Example.ofWords(List.of("it", "never"), List.of()));
  }

  @Test
  void namesOfFilesAreNeitherSqlNorGlobsNorPartitions() throws IOException, SQLException {
    Path odd = Files.createDirectories(folder.resolve("label=9/it's [1]*"));
    write("label=9/it's 1x/ab.jsonl", "{\"text\":\"wrong\",\"label\":\"wrong\"}\n");
    Path jsonl = write("label=9/it's [1]*/a?.jsonl", "{\"text\":\"x\",\"label\":\"1\"}\n");
    write("label=9/it's [1]*/ab.jsonl", "{\"text\":\"wrong\",\"label\":\"wrong\"}\n");
    sql("COPY (SELECT 'x' AS text, 1 AS label) TO '" + folder + "/p.parquet'");
    Path parquet = Files.move(folder.resolve("p.parquet"), odd.resolve("p[0-9].parquet"));
    sql("COPY (SELECT 'wrong' AS text, 2 AS label) TO '" + folder + "/p.parquet'");
    Files.move(folder.resolve("p.parquet"), folder.resolve("label=9/it's 1x/p5.parquet"));
    assertThat(read(jsonl)).containsExactly(Example.of("x", "1"));
    assertThat(read(parquet)).containsExactly(Example.of("x", "1"));
  }

  @Test
  void rowsKeepTheOrderOfAParquetFileOfManyRowGroups() throws SQLException {
    Path parquet = folder.resolve("a.parquet");
    sql(
        "COPY (SELECT 't' || i AS text, i AS label FROM range(200000) t(i)) TO '"
            + parquet
            + "' (ROW_GROUP_SIZE 4096)");
    List<Example> examples = read(parquet);
    assertThat(examples).hasSize(200000);
    for (int i = 0; i < examples.size(); i++) {
      assertThat(examples.get(i).labels().get(0)).isEqualTo(Integer.toString(i));
    }
  }

  @Test
  void rowsOfAQueryKeepItsOrder() {
    List<Example> examples =
        read("sql:SELECT 't' AS text, i AS label FROM range(50000) t(i) ORDER BY i DESC");
    assertThat(examples).hasSize(50000).first().isEqualTo(Example.of("t", "49999"));
    assertThat(examples).last().isEqualTo(Example.of("t", "0"));
  }

  @Test
  void skippedRowsAreCountedAndReported() throws IOException {
    Path csv = write("a.csv", "text,label\nx,1\nbad\n\"two\nlines\",2\n\n,3\ny,4\n");
    DataSet data =
        DataReader.read(
            csv.toString(),
            TEXT_AND_LABEL,
            Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.SKIP);
    assertThat(data.examples())
        .containsExactly(Example.of("x", "1"), Example.of("two\nlines", "2"), Example.of("y", "4"));
    assertThat(data.skipped()).isEqualTo(2);
    assertThat(data.reports())
        .containsExactly(csv + ":3: 1 field, but the header has 2", csv + ":7: \"text\" is empty");
  }

  @Test
  void atMostTenSkippedRowsAreReported() throws IOException {
    Path csv = write("a.csv", "text,label\nx,1\n" + "bad\n".repeat(25));
    DataSet data =
        DataReader.read(
            csv.toString(),
            TEXT_AND_LABEL,
            Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.SKIP);
    assertThat(data.skipped()).isEqualTo(25);
    assertThat(data.reports())
        .hasSize(10)
        .last()
        .isEqualTo(csv + ":12: 1 field, but the header has 2");
  }

  @Test
  void aStrayQuoteSpoilsOneLineAndNotThoseAfterIt() throws IOException {
    Path csv = write("a.csv", "text,label\n\"stray,1\ngood,2\n\"also, good\",3\nlast,4\nbad\n");
    DataSet data =
        DataReader.read(
            csv.toString(),
            TEXT_AND_LABEL,
            Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.SKIP);
    assertThat(data.examples())
        .containsExactly(
            Example.of("good", "2"), Example.of("also, good", "3"), Example.of("last", "4"));
    assertThat(data.reports())
        .containsExactly(
            csv
                + ":2: text after a closing quote (a quote inside a field is written twice), in"
                + " column \"text\"",
            csv + ":6: 1 field, but the header has 2");
  }

  private List<Example> read(Path file) {
    return read(file.toString());
  }

  private List<Example> read(String source) {
    return read(source, TEXT_AND_LABEL, ProblemType.SINGLE_LABEL);
  }

  private static List<Example> read(String source, Columns columns, ProblemType problemType) {
    return DataReader.read(
            source,
            columns,
            Formats.of(HeadType.SEQUENCE_CLASSIFICATION, problemType),
            OnBadRow.FAIL)
        .examples();
  }

  private static List<Example> tagged(Path file, Columns columns) {
    return DataReader.read(
            file.toString(),
            columns,
            Formats.of(HeadType.TOKEN_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.FAIL)
        .examples();
  }

  private Path write(String name, String content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, content.getBytes(StandardCharsets.UTF_8));
  }

  private static void sql(String statement) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        Statement run = connection.createStatement()) {
      run.execute(statement);
    }
  }
}
