package dev.lorikeet.data.rows;

import java.io.IOException;
import java.io.Reader;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Lines for a parser whose rows may go over several of them. It gets one a read, so that it never
 * has more lines than its row needs, and those of the present row are kept: what a row has spoilt
 * can be read once more.
 *
 * <p>Line feeds count lines, as in {@link Lines}; a carriage return alone ends one, too, but does
 * not count.
 */
final class RowLines extends Reader {
  /** The most characters of a row of several lines: its quote was never closed. */
  private static final int MOST = 1 << 24;

  /** A line with its line break, and its number from 1. */
  private record Line(String text, long number) {}

  private final Lines lines;

  /** The lines of the present row; the last one is being read. */
  private final List<Line> row = new ArrayList<>();

  private final Deque<Line> ahead = new ArrayDeque<>();
  private String current = "";
  private int at;
  private int length;
  private boolean ended;

  RowLines(Lines lines) {
    this.lines = lines;
  }

  /** The next line read is the first of a row. */
  void startRow() {
    row.clear();
    length = 0;
  }

  /** The number of the row's first line. */
  long number() {
    return row.get(0).number();
  }

  /** Whether the row is one line of nothing but spaces. */
  boolean isBlank() {
    return row.size() == 1 && row.get(0).text().chars().allMatch(c -> " \r\n".indexOf(c) >= 0);
  }

  /** Whether the parser asked for more than there is. */
  boolean hasEnded() {
    return ended;
  }

  /** Reads on after the row's first line. */
  void giveBack() {
    for (int i = row.size() - 1; i > 0; i--) {
      ahead.addFirst(row.get(i));
    }
    current = "";
    at = 0;
  }

  /**
   * What remains of a line, or the next one.
   *
   * @throws IOException when the row is longer than any row
   */
  @Override
  public int read(char[] chars, int offset, int most) throws IOException {
    if (at == current.length() && !next()) {
      return -1;
    }
    int count = Math.min(most, current.length() - at);
    current.getChars(at, at + count, chars, offset);
    at += count;
    return count;
  }

  private boolean next() throws IOException {
    Line line = line();
    ended = line == null;
    if (line == null) {
      return false;
    }
    row.add(line);
    length += line.text().length();
    if (row.size() > 1 && length > MOST) {
      throw new IOException(
          String.format(
              Locale.ROOT, "lines of more than %,d characters: is a quote never closed?", MOST));
    }
    current = line.text();
    at = 0;
    return true;
  }

  private @Nullable Line line() {
    if (ahead.isEmpty()) {
      String text = lines.next();
      if (text == null) {
        return null;
      }
      addParts(text + "\n");
    }
    return ahead.poll();
  }

  /** Cuts a line after each carriage return that is no part of its line break. */
  private void addParts(String text) {
    int start = 0;
    for (int i = text.indexOf('\r');
        i >= 0 && i < text.length() - 2;
        i = text.indexOf('\r', i + 1)) {
      ahead.add(new Line(text.substring(start, i + 1), lines.number()));
      start = i + 1;
    }
    ahead.add(new Line(text.substring(start), lines.number()));
  }

  @Override
  public void close() {
    lines.close();
  }
}
