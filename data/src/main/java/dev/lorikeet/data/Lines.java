package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The SQL that splits a text file into its lines.
 *
 * <p>The whole file is read as one text and split at line feeds, because that is the one way
 * through DuckDB that keeps count. Measured on version 1.4.2: {@code read_csv} with one column
 * counts a line more wherever CRLF and LF are mixed (66,502 too many in 200,000 lines); its reject
 * tables count rows, not lines, after a quoted line break, and give the place of an earlier blank
 * line; {@code read_json} gives no place at all.
 */
final class Lines {
  /** The longest text that DuckDB can hold. */
  private static final long MOST_BYTES = 0xFFFF_FFFFL;

  private static final double GIB = 1.0 / (1 << 30);
  private static final String BYTE_ORDER_MARK = "chr(65279)";

  private Lines() {}

  /**
   * A query for all lines in their order, with the columns {@code number}, from 1, and {@code
   * line}, which keeps the carriage return of a CRLF. A byte order mark is dropped.
   */
  static String query(DuckDb database, Path file) {
    return "SELECT unnest(range(1, len(lines) + 1)) AS number, unnest(lines) AS line"
        + " FROM (SELECT string_split(ltrim(content, "
        + BYTE_ORDER_MARK
        + "), chr(10)) AS lines FROM read_text("
        + database.literal(file)
        + "))";
  }

  /**
   * Runs a query over the lines of {@code file}.
   *
   * @throws LorikeetException when the file is too large, or is not UTF-8, with the line
   */
  static DuckDb.Cursor open(DuckDb database, String sql, String source, Path file) {
    mustFit(source, file);
    try {
      return database.query(sql);
    } catch (LorikeetException e) {
      boolean encoding = String.valueOf(e.getMessage()).contains("UTF-8");
      long line = encoding ? firstLineNotUtf8(file) : 0;
      if (line > 0) {
        throw new LorikeetException(source + ":" + line + ": not UTF-8: save the file as UTF-8", e);
      }
      throw e;
    }
  }

  private static void mustFit(String source, Path file) {
    long bytes = file.toFile().length();
    if (bytes > MOST_BYTES) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s: %.2f GiB, and a text file may have less than %.0f GiB: split it, or make it Parquet",
              source,
              bytes * GIB,
              MOST_BYTES * GIB));
    }
  }

  /** The number of the first line that is not UTF-8; 0 when there is none. */
  private static long firstLineNotUtf8(Path file) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    try (InputStream bytes = new BufferedInputStream(Files.newInputStream(file))) {
      long line = 1;
      for (ByteBuffer next = line(bytes); next.hasRemaining(); next = line(bytes)) {
        try {
          decoder.decode(next);
        } catch (CharacterCodingException e) {
          return line;
        }
        line++;
      }
    } catch (IOException e) {
      return 0;
    }
    return 0;
  }

  /** The bytes up to and with the next line feed, which no longer sequence of UTF-8 holds. */
  private static ByteBuffer line(InputStream bytes) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b = bytes.read(); b >= 0; b = bytes.read()) {
      line.write(b);
      if (b == '\n') {
        break;
      }
    }
    return ByteBuffer.wrap(line.toByteArray());
  }
}
