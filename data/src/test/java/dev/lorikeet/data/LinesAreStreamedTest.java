package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** JSON lines, CSV and text need neither DuckDB nor the memory of the whole file. */
class LinesAreStreamedTest {
  /** Twice the heap of the process that reads them. */
  private static final int MANY_BYTES = 32 << 20;

  private static final int FEW_BYTES = 1 << 10;

  @TempDir private Path folder;

  @Test
  void rowsAreReadWithoutDuckDbInLessMemoryThanTheyTake() throws Exception {
    String withoutDuckDb =
        Arrays.stream(classPath().split(File.pathSeparator))
            .filter(entry -> !entry.contains("duckdb"))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(withoutDuckDb).isNotEqualTo(classPath());
    assertThat(classesLoaded(withoutDuckDb, MANY_BYTES)).contains("dev.lorikeet.data.rows.CsvRows");
  }

  @Test
  void duckDbIsNotLoadedForThem() throws Exception {
    assertThat(classesLoaded(classPath(), FEW_BYTES))
        .contains("dev.lorikeet.data.rows.JsonRows", "dev.lorikeet.data.rows.CsvRows")
        .noneMatch(name -> name.startsWith("org.duckdb.") || name.startsWith("java.sql.Driver"))
        .noneMatch(name -> name.endsWith(".DuckDb") || name.endsWith(".TableRows"));
  }

  private static String classPath() {
    return System.getProperty("java.class.path");
  }

  /** Reads in a process of its own and returns the names of the classes that it loaded. */
  private List<String> classesLoaded(String classPath, int bytes)
      throws IOException, InterruptedException {
    Path log = folder.resolve("classes.log");
    Path out = folder.resolve("out");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx16m",
                "-XX:TieredStopAtLevel=1",
                "-Xlog:class+load:file=" + log + "::filecount=0",
                "-cp",
                classPath,
                Reading.class.getName(),
                Integer.toString(bytes))
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    int status = process.waitFor();
    assertThat(Files.readString(out)).contains("read jsonl\nread csv\nread tsv\nread txt\n");
    assertThat(status).isZero();
    List<String> names = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      names.add(line.replaceFirst("^(\\[[^]]*])+ *", "").replaceFirst(" .*", ""));
    }
    return names;
  }

  /** What the process does. */
  static final class Reading {
    private static int bytes;

    private Reading() {}

    public static void main(String[] args) throws IOException {
      bytes = Integer.parseInt(args[0]);
      String words = "a bird of many words, ".repeat(100);
      read("jsonl", "", "{\"text\": \"" + words + "\", \"label\": 1}\n");
      read("csv", "text,label\n", "\"" + words + "\",1\n\"" + words + "\n\"\"second\"\"\",2\n");
      read("tsv", "text\tlabel\n", words + "\t1\n");
      read("txt", "", words + "\n");
    }

    private static void read(String format, String head, String rows) throws IOException {
      boolean plain = format.equals("txt");
      System.setIn(new Repeated(head, rows, bytes));
      try (ExampleRows examples =
          DataReader.open(
              format + ":-",
              new Columns("text", null, plain ? null : "label"),
              Formats.of(
                  plain ? HeadType.CAUSAL_LM : HeadType.SEQUENCE_CLASSIFICATION,
                  ProblemType.SINGLE_LABEL))) {
        while (true) {
          DataRow row = examples.next();
          if (row == null) {
            break;
          }
          row.mustBeGood();
        }
      }
      System.out.print("read " + format + "\n");
    }
  }

  /** Rows over and over again. */
  private static final class Repeated extends InputStream {
    private final byte[] head;
    private final byte[] rows;
    private long at;
    private final long end;

    Repeated(String head, String rows, int bytes) {
      this.head = head.getBytes(StandardCharsets.UTF_8);
      this.rows = rows.getBytes(StandardCharsets.UTF_8);
      this.end = this.head.length + (1 + bytes / this.rows.length) * (long) this.rows.length;
    }

    @Override
    public int read() {
      byte[] next = new byte[1];
      return read(next, 0, 1) < 0 ? -1 : next[0];
    }

    @Override
    public int read(byte[] bytes, int offset, int length) {
      if (at == end) {
        return -1;
      }
      boolean inHead = at < head.length;
      byte[] from = inHead ? head : rows;
      int place = (int) (inHead ? at : (at - head.length) % rows.length);
      int count = Math.min(length, from.length - place);
      System.arraycopy(from, place, bytes, offset, count);
      at += count;
      return count;
    }
  }
}
