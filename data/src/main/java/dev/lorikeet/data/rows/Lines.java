package dev.lorikeet.data.rows;

import dev.lorikeet.torch.LorikeetException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a text in UTF-8, one after the other, so that no more than one is in memory. They
 * end at line feeds; a byte order mark is dropped.
 */
final class Lines implements AutoCloseable {
  /** The longest line, in bytes: what is longer is no row, but a file of another kind. */
  static final int MOST_BYTES = 1 << 26;

  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final String source;
  private final InputStream bytes;
  private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
  private final byte[] buffer = new byte[1 << 16];
  private int at;
  private int end;
  private byte[] line = new byte[1 << 10];
  private int length;
  private long number;

  /**
   * @param source what errors begin with
   */
  Lines(String source, InputStream bytes) {
    this.source = source;
    this.bytes = bytes;
  }

  /** The number of the line that {@link #next} gave last, from 1. */
  long number() {
    return number;
  }

  /**
   * The next line without its line feed, but with the carriage return of a CRLF; null after the
   * last. What follows the last line feed is a line, too, unless it is empty.
   *
   * @throws LorikeetException when it cannot be read, is not UTF-8 or too long, with its number
   */
  @Nullable String next() {
    number++;
    length = 0;
    try {
      boolean found = false;
      while (!found && fill()) {
        int lineFeed = lineFeed();
        found = lineFeed >= 0;
        int stop = found ? lineFeed : end;
        append(stop);
        at = found ? stop + 1 : stop;
      }
      if (!found && length == 0) {
        return null;
      }
      String text = decoder.decode(ByteBuffer.wrap(line, 0, length)).toString();
      return number == 1 && text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new LorikeetException(source + ":" + number + ": not UTF-8: save the file as UTF-8", e);
    } catch (IOException e) {
      throw unreadable(source + ":" + number, e);
    }
  }

  /** What went wrong in reading, at a place. */
  static LorikeetException unreadable(String place, IOException e) {
    return new LorikeetException(
        e instanceof EOFException
            ? place + ": the file ends too early: was it copied whole?"
            : place + ": cannot be read: " + e.getMessage(),
        e);
  }

  private boolean fill() throws IOException {
    if (at == end) {
      at = 0;
      end = Math.max(0, bytes.read(buffer));
    }
    return at < end;
  }

  private int lineFeed() {
    for (int i = at; i < end; i++) {
      if (buffer[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  private void append(int stop) {
    int more = stop - at;
    if (length + more > MOST_BYTES) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s:%d: the line has more than %,d bytes: is this a text file with a row a line?",
              source,
              number,
              MOST_BYTES));
    }
    if (length + more > line.length) {
      line = Arrays.copyOf(line, Math.min(MOST_BYTES, Math.max(2 * line.length, length + more)));
    }
    System.arraycopy(buffer, at, line, length, more);
    length += more;
  }

  @Override
  public void close() {
    try {
      bytes.close();
    } catch (IOException e) {
      // It was only read from.
    }
  }
}
