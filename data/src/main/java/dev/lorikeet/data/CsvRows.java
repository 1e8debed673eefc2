package dev.lorikeet.data;

import com.fasterxml.jackson.databind.node.TextNode;
import dev.lorikeet.torch.LorikeetException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a CSV or TSV file with a header (RFC 4180): fields stand between separators; a field
 * that begins with a double quote may hold separators and line breaks up to the closing quote, and
 * a quote inside it is written twice; lines end in LF or CRLF; blank lines are passed over.
 *
 * <p>The fields are split here, so that every row knows the line that it starts on.
 */
final class CsvRows implements Rows {
  private static final char QUOTE = '"';

  private final String source;
  private final Lines lines;
  private final char separator;
  private final DataReader.Columns columns;
  private final List<String> header;

  private String line = "";
  private String lineBreak = "\n";
  private long lineNumber;

  /** The place in {@link #line} up to which it has been read. */
  private int at;

  /** The lines of the row that is being read, for {@link #giveBack}. */
  private final List<String> rowLines = new ArrayList<>();

  private final Deque<String> givenBack = new ArrayDeque<>();

  private CsvRows(String source, Lines lines, char separator, DataReader.Columns columns) {
    this.source = source;
    this.lines = lines;
    this.separator = separator;
    this.columns = columns;
    this.header = header();
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws LorikeetException when the header is malformed, lacks a column or has it twice
   */
  static CsvRows open(
      String source, InputStream bytes, char separator, DataReader.Columns columns) {
    return new CsvRows(source, new Lines(source, bytes), separator, columns);
  }

  private List<String> header() {
    if (!startRow()) {
      return List.of();
    }
    List<String> names;
    try {
      names = fields();
    } catch (BadRow e) {
      throw new LorikeetException(source + ": the header has " + e.getMessage(), e);
    }
    columns.require(source, names);
    for (String name : columns.names()) {
      if (names.indexOf(name) != names.lastIndexOf(name)) {
        throw new LorikeetException(
            source + ": the header has column \"" + name + "\" twice: rename one");
      }
    }
    return names;
  }

  @Override
  public @Nullable Row next() {
    if (!startRow()) {
      return null;
    }
    long start = lineNumber;
    List<String> fields;
    try {
      fields = fields();
    } catch (BadRow e) {
      giveBack(start);
      return Row.unreadable(start, String.valueOf(e.getMessage()));
    }
    if (fields.size() != header.size()) {
      return Row.unreadable(
          start,
          fields.size()
              + (fields.size() == 1 ? " field" : " fields")
              + ", but the header has "
              + header.size());
    }
    return columns.row(start, name -> TextNode.valueOf(fields.get(header.indexOf(name))));
  }

  /** The fields of the row that starts with the current line. */
  private List<String> fields() throws BadRow {
    List<String> fields = new ArrayList<>();
    do {
      fields.add(at < line.length() && line.charAt(at) == QUOTE ? quotedField() : plainField());
    } while (at++ < line.length()); // a separator is here, and one field more after it
    return fields;
  }

  private String plainField() {
    int separatorAt = line.indexOf(separator, at);
    int end = separatorAt < 0 ? line.length() : separatorAt;
    String field = line.substring(at, end);
    at = end;
    return field;
  }

  private String quotedField() throws BadRow {
    StringBuilder field = new StringBuilder();
    at++;
    for (boolean open = true; open; ) {
      int quote = line.indexOf(QUOTE, at);
      if (quote < 0) {
        field.append(line, at, line.length()).append(lineBreak);
        if (!nextLine()) {
          throw new BadRow("a quoted field that is never closed");
        }
      } else if (quote + 1 < line.length() && line.charAt(quote + 1) == QUOTE) {
        field.append(line, at, quote + 1);
        at = quote + 2;
      } else {
        field.append(line, at, quote);
        at = quote + 1;
        open = false;
      }
    }
    if (at < line.length() && line.charAt(at) != separator) {
      throw new BadRow("text after a closing quote (a quote inside a field is written twice)");
    }
    return field.toString();
  }

  /** Goes to the next line that is not blank; false after the last. */
  private boolean startRow() {
    do {
      rowLines.clear();
      if (!nextLine()) {
        return false;
      }
    } while (line.replace(" ", "").isEmpty());
    return true;
  }

  private boolean nextLine() {
    String raw = givenBack.poll();
    if (raw == null) {
      raw = lines.next();
    }
    if (raw == null) {
      return false;
    }
    boolean crlf = raw.endsWith("\r");
    rowLines.add(raw);
    lineNumber++;
    lineBreak = crlf ? "\r\n" : "\n";
    line = crlf ? raw.substring(0, raw.length() - 1) : raw;
    at = 0;
    return true;
  }

  /** Reads on after the line {@code start}: a stray quote spoils one line, not all after it. */
  private void giveBack(long start) {
    for (int i = rowLines.size() - 1; i > 0; i--) {
      givenBack.addFirst(rowLines.get(i));
    }
    lineNumber = start;
  }

  @Override
  public String place(long number) {
    return source + ":" + number;
  }

  @Override
  public boolean areFlat() {
    return true;
  }

  @Override
  public void close() {
    lines.close();
  }
}
