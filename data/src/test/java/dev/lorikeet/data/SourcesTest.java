package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where rows may come from: packed files, folders, standard input, plain texts, arrays. */
class SourcesTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");
  private static final String CSV = "text,label\nnaïve 雪,a\n\"two\nlines\",b\n";
  private static final List<Example> ROWS =
      List.of(Example.of("naïve 雪", "a"), Example.of("two\nlines", "b"));

  @TempDir private Path folder;

  // ---- packed ----

  @Test
  void packedFilesAreReadAsWhatTheyHold() throws IOException {
    assertThat(read(write("a.csv.gz", gzip(CSV)))).isEqualTo(ROWS);
    assertThat(read(write("a.csv.zst", zstd(CSV)))).isEqualTo(ROWS);
    assertThat(read(write("A.CSV.GZ", gzip(CSV)))).isEqualTo(ROWS);
    assertThat(read(write("a.jsonl.zst", zstd("{\"text\":\"x\",\"label\":1}\n"))))
        .containsExactly(Example.of("x", "1"));
    assertThat(read(write("plain.csv.gz", CSV.getBytes(StandardCharsets.UTF_8)))).isEqualTo(ROWS);
  }

  @Test
  void membersOfAPackedFileFollowOneAnother() throws IOException {
    byte[] gzip = join(gzip("text,label\nnaïve 雪,a\n"), gzip("\"two\nlines\",b\n"));
    byte[] zstd = join(zstd("text,label\nnaïve 雪,a\n"), zstd("\"two\nlines\",b\n"));
    assertThat(read(write("a.csv.gz", gzip))).isEqualTo(ROWS);
    assertThat(read(write("a.csv.zst", zstd))).isEqualTo(ROWS);
    // A stream that never says how much is there, as a pipe.
    InputStream pipe =
        new ByteArrayInputStream(gzip) {
          @Override
          public synchronized int available() {
            return 0;
          }
        };
    assertThat(readFromStandardInput("csv:-", pipe)).isEqualTo(ROWS);
  }

  @Test
  void aCutOrDamagedPackedFileIsOneLine() throws IOException {
    byte[] gzip = gzip(CSV.repeat(50));
    Path cut = write("cut.csv.gz", Arrays.copyOf(gzip, gzip.length - 20));
    assertThatThrownBy(() -> read(cut))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessageMatching(
            "\\Q" + cut + "\\E:\\d+: the file ends too early: was it copied whole\\?");
    byte[] zstd = zstd(CSV.repeat(50));
    Path cutToo = write("cut.csv.zst", Arrays.copyOf(zstd, zstd.length - 20));
    assertThatThrownBy(() -> read(cutToo))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessageMatching("\\Q" + cutToo + "\\E:\\d+: cannot be read: .*");
    gzip[gzip.length / 2] ^= 0x55;
    Path damaged = write("damaged.csv.gz", gzip);
    assertThatThrownBy(() -> read(damaged)).isExactlyInstanceOf(LorikeetException.class);
  }

  // ---- arrays ----

  @Test
  void anArrayOfObjectsIsReadHoweverItIsLaidOut() throws IOException {
    List<Example> expected = List.of(Example.of("x", "1"), Example.of("y", "2"));
    assertThat(
            read(
                write(
                    "a.json",
                    "\uFEFF [\n{\"text\":\"x\",\n\"label\":1},{\"label\":2,\"text\":\"y\"}]\n")))
        .isEqualTo(expected);
    assertThat(read(write("b.json", "[{\"text\":\"x\",\"label\":1},{\"label\":2,\"text\":\"y\"}]")))
        .isEqualTo(expected);
  }

  @Test
  void rowsOfAnArrayKnowTheirLines() throws IOException {
    Path file = write("a.json", "[\n{\"text\":\"x\",\"label\":1},\n\n{\"text\":\"\",\"label\":1}]");
    assertThatThrownBy(() -> read(file))
        .hasMessage(file + ":4: \"text\" is empty; mend the row, or have bad rows skipped");
  }

  // ---- plain texts ----

  @Test
  void aLineOfAPlainTextIsARow() throws IOException {
    Path file = write("a.txt", "one\r\n\n two \nthree");
    for (HeadType task : List.of(HeadType.CAUSAL_LM, HeadType.MASKED_LM)) {
      assertThat(read(file.toString(), new Columns("text", null, null), task))
          .containsExactly(Example.of("one"), Example.of(" two "), Example.of("three"));
    }
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UsageException.class)
        .hasMessage(file + ": no column \"label\"; nearest: text; there are: text");
  }

  // ---- standard input ----

  @Test
  void standardInputIsJsonUnlessAFormatIsSaid() throws IOException {
    assertThat(readFromStandardInput("-", bytes("{\"text\":\"x\",\"label\":1}\n")))
        .containsExactly(Example.of("x", "1"));
    assertThat(readFromStandardInput("-", bytes("[{\"text\":\"x\",\"label\":1}]")))
        .containsExactly(Example.of("x", "1"));
    assertThat(readFromStandardInput("csv:-", bytes(CSV))).isEqualTo(ROWS);
    assertThatThrownBy(() -> readFromStandardInput("-", bytes("\n{\"text\":\"x\"")))
        .hasMessage(
            "standard input:2: not JSON: it ends too early, at character 12; mend the row, or have"
                + " bad rows skipped");
    assertThatThrownBy(() -> readFromStandardInput("parquet:-", bytes("PAR1")))
        .isInstanceOf(UsageException.class)
        .hasMessage("standard input: Parquet is read from a file, not from a stream");
  }

  @Test
  void aFormatBeforeTheNameCountsMoreThanTheEnding() throws IOException {
    Path file = write("rows.data", CSV);
    assertThat(read("csv:" + file, TEXT_AND_LABEL, HeadType.SEQUENCE_CLASSIFICATION))
        .isEqualTo(ROWS);
  }

  // ---- folders ----

  @Test
  void aFolderIsItsFilesOneAfterTheOther() throws IOException {
    write("part-1.csv.gz", gzip("text,label\nb,1\n"));
    write("part-0.csv", "text,label\na,1\n");
    write("part-2.csv", "text,label\nc,1\n,2\n");
    write("README.md", "text,label\nno,1\n");
    write(".hidden.csv", "text,label\nno,1\n");
    Files.createDirectory(folder.resolve("more"));
    assertThatThrownBy(() -> read(folder))
        .hasMessage(
            folder.resolve("part-2.csv")
                + ":3: \"text\" is empty; mend the row, or have bad rows skipped");
    write("part-2.csv", "text,label\nc,1\n");
    assertThat(read(folder))
        .containsExactly(Example.of("a", "1"), Example.of("b", "1"), Example.of("c", "1"));
  }

  private List<Example> read(Path file) {
    return read(file.toString(), TEXT_AND_LABEL, HeadType.SEQUENCE_CLASSIFICATION);
  }

  private static List<Example> read(String source, Columns columns, HeadType task) {
    return DataReader.read(
            source, columns, Formats.of(task, ProblemType.SINGLE_LABEL), OnBadRow.FAIL)
        .examples();
  }

  private static List<Example> readFromStandardInput(String source, InputStream bytes) {
    InputStream before = System.in;
    System.setIn(bytes);
    try {
      return read(source, TEXT_AND_LABEL, HeadType.SEQUENCE_CLASSIFICATION);
    } finally {
      System.setIn(before);
    }
  }

  private static InputStream bytes(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return packed.toByteArray();
  }

  private static byte[] zstd(String text) {
    return Zstd.compress(text.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] join(byte[] one, byte[] other) {
    byte[] joined = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, joined, one.length, other.length);
    return joined;
  }

  private Path write(String name, String content) throws IOException {
    return write(name, content.getBytes(StandardCharsets.UTF_8));
  }

  private Path write(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }
}
