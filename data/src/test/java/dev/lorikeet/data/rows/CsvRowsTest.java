package dev.lorikeet.data.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Formats;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows of CSV files that go over several lines, or seem to. */
class CsvRowsTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");

  /** As many characters as a row of several lines may have, and a few more. */
  private static final int TOO_MANY = (1 << 24) + 1000;

  @TempDir private Path folder;

  @Test
  void aCarriageReturnAloneEndsARow() throws IOException {
    Path csv = write("text,label\rx,1\r\r\"a\rb\",2\r");
    assertThat(read(csv).examples()).containsExactly(Example.of("x", "1"), Example.of("a\rb", "2"));
  }

  @Test
  void aStrayQuoteSpoilsNoRowAfterACarriageReturn() throws IOException {
    Path csv = write("text,label\rx,1\r\"stray,2\ry,3\rz,4\r");
    DataSet data = read(csv);
    assertThat(data.examples())
        .containsExactly(Example.of("x", "1"), Example.of("y", "3"), Example.of("z", "4"));
    assertThat(data.reports())
        .containsExactly(csv + ":1: a quoted field that is never closed, in column \"text\"");
  }

  @Test
  void severalStrayQuotesSpoilALineEach() throws IOException {
    Path csv = write("text,label\n\"a,1\n\"b,2\nc,3\nd,\"4\ne,5\n");
    DataSet data = read(csv);
    assertThat(data.examples()).containsExactly(Example.of("c", "3"), Example.of("e", "5"));
    String stray = ": text after a closing quote (a quote inside a field is written twice), in";
    assertThat(data.reports())
        .containsExactly(
            csv + ":2" + stray + " column \"text\"",
            csv + ":3" + stray + " column \"text\"",
            csv + ":5: a quoted field that is never closed, in column \"label\"");
  }

  @Test
  void aQuoteThatIsNeverClosedIsNotSearchedToTheEndOfAHugeFile() throws IOException {
    String text = "long ".repeat(1 << 18);
    int rows = TOO_MANY / text.length() + 1;
    Path csv = write("text,label\n\"stray,0\n" + (text + ",1\n").repeat(rows) + "last,2\n");
    DataSet data = read(csv);
    assertThat(data.examples()).hasSize(rows + 1).last().isEqualTo(Example.of("last", "2"));
    assertThat(data.reports())
        .containsExactly(
            csv
                + ":2: lines of more than 16,777,216 characters: is a quote never closed?, in"
                + " column \"text\"");
  }

  @Test
  void oneLineMayBeLongerThanRowsOfSeveral() throws IOException {
    String text = "x".repeat(TOO_MANY);
    Path csv = write("text,label\n\"" + text + "\",1\n" + text + ",2\n");
    assertThat(read(csv).examples()).containsExactly(Example.of(text, "1"), Example.of(text, "2"));
  }

  @Test
  void whatCannotBeReadIsNoBadRow() throws IOException {
    Path csv = folder.resolve("a.csv");
    Files.write(csv, new byte[] {'t', 'e', 'x', 't', ',', 'l', 'a', 'b', 'e', 'l', '\n', -1});
    assertThatThrownBy(() -> read(csv))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(csv + ":2: not UTF-8: save the file as UTF-8");
  }

  @Test
  void moreFieldsThanAnyTableHasAreCounted() throws IOException {
    Path csv = write("text,label\n" + ",".repeat(1 << 20) + "\nx,1\n");
    DataSet data = read(csv);
    assertThat(data.examples()).isEqualTo(List.of(Example.of("x", "1")));
    assertThat(data.reports()).containsExactly(csv + ":2: 1048577 fields, but the header has 2");
  }

  private static DataSet read(Path file) {
    return DataReader.read(
        file.toString(),
        TEXT_AND_LABEL,
        Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
        OnBadRow.SKIP);
  }

  private Path write(String content) throws IOException {
    return Files.writeString(folder.resolve("a.csv"), content);
  }
}
