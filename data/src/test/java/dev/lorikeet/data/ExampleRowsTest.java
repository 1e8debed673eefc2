package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every row, the malformed too, with its place and the columns that are passed through. */
class ExampleRowsTest {
  private static final Columns KEPT =
      new Columns("text", null, "label").unlabelled(List.of("id", "text"));

  @TempDir private Path folder;

  private static List<DataRow> read(String source, Columns columns, HeadType task) {
    List<DataRow> all = new ArrayList<>();
    try (ExampleRows rows =
        DataReader.open(source, columns, Formats.of(task, ProblemType.SINGLE_LABEL))) {
      for (DataRow row = rows.next(); row != null; row = rows.next()) {
        all.add(row);
      }
    }
    return all;
  }

  private static List<DataRow> read(String source) {
    return read(source, KEPT, HeadType.SEQUENCE_CLASSIFICATION);
  }

  @Test
  void jsonKeepsWhatItIs() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("a.jsonl"),
            """
            {"text": "a", "id": 12345678901234567890}

            {"text": "", "id": {"a": [1.10, null]}}
            not JSON
            {"text": "d"}
            """);
    List<DataRow> rows = read(file.toString());
    assertThat(rows).extracting(DataRow::number).containsExactly(1L, 3L, 4L, 5L);
    assertThat(rows.get(0).kept()).hasToString("{id=12345678901234567890, text=\"a\"}");
    assertThat(rows.get(1).kept()).hasToString("{id={\"a\":[1.10,null]}, text=\"\"}");
    assertThat(rows.get(2).kept()).isEmpty();
    assertThat(rows.get(3).kept()).hasToString("{id=null, text=\"d\"}");
    assertThat(rows)
        .extracting(row -> row.example() != null)
        .containsExactly(true, false, false, true);
    assertThat(rows.get(1).report()).isEqualTo(file + ":3: \"text\" is empty");
    assertThatThrownBy(rows.get(1)::mustBeGood)
        .isInstanceOf(LorikeetException.class)
        .hasMessage(file + ":3: \"text\" is empty; mend the row, or have bad rows skipped");
  }

  @Test
  void flatFilesKeepStrings() throws IOException {
    Path file = Files.writeString(folder.resolve("a.csv"), "id,text\n7,\"a\nb\"\n8\n9,c\n");
    List<DataRow> rows = read(file.toString());
    assertThat(rows).extracting(DataRow::number).containsExactly(2L, 4L, 5L);
    assertThat(rows.get(0).kept()).hasToString("{id=\"7\", text=\"a\\nb\"}");
    assertThat(rows.get(1).problem()).isEqualTo("1 field, but the header has 2");
    assertThat(rows.get(2).kept()).hasToString("{id=\"9\", text=\"c\"}");
  }

  @Test
  void rowsOfQueriesAreCounted() {
    List<DataRow> rows = read("sql:SELECT 'a' AS text, 3 AS id UNION ALL SELECT 'b', NULL");
    assertThat(rows).extracting(DataRow::number).containsExactly(1L, 2L);
    assertThat(rows.get(0).kept()).hasToString("{id=3, text=\"a\"}");
    assertThat(rows.get(1).kept()).hasToString("{id=null, text=\"b\"}");
  }

  @Test
  void aColumnThatNoRowHasIsUnknown() throws IOException {
    Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\": \"a\", \"ids\": 1}\n");
    assertThatThrownBy(() -> read(file.toString()))
        .isInstanceOf(UsageException.class)
        .hasMessage(file + ": no column \"id\"; nearest: ids; there are: ids, text");
    Path csv = Files.writeString(folder.resolve("a.csv"), "text,ids\na,1\n");
    assertThatThrownBy(() -> read(csv.toString()))
        .isInstanceOf(UsageException.class)
        .hasMessage(csv + ": no column \"id\"; nearest: ids; there are: text, ids");
  }

  @Test
  void aFolderOfImagesHasNoColumns() {
    assertThatThrownBy(() -> read(folder.toString(), KEPT, HeadType.IMAGE_CLASSIFICATION))
        .isInstanceOf(UsageException.class)
        .hasMessage(folder + " is a folder of images, which has no columns: leave --keep out");
  }

  @Test
  void wordsStandInTheTextAsItIsWritten() throws IOException {
    Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\": \" a\\t b\"}\n");
    Columns columns = new Columns("text", null, null);
    Example example =
        read(file.toString(), columns, HeadType.TOKEN_CLASSIFICATION).get(0).example();
    assertThat(example).isEqualTo(new Example(" a\t b", null, List.of("a", "b"), List.of()));
  }
}
