package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.node.TextNode;
import de.siegmar.fastcsv.reader.AbstractBaseCsvCallbackHandler;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a CSV or TSV file with a header (RFC 4180), split by FastCSV: fields stand between
 * separators; a field that begins with a double quote may hold separators and line breaks up to the
 * closing quote, and a quote inside it is written twice; lines end in LF, CRLF or CR; blank lines
 * are passed over.
 *
 * <p>Every row knows the line that it starts on, and a stray quote spoils its line, not all after
 * it.
 */
final class CsvRows implements Rows {
  /** Enough for any row that {@link RowLines} gives and the 8,192 characters of a read. */
  private static final int BUFFER = Lines.MOST_BYTES + (1 << 14);

  private final String source;
  private final RowLines lines;
  private final Selection columns;
  private final CsvReader.CsvReaderBuilder format;
  private final Fields fields = new Fields();
  private final List<String> header;
  private Iterator<List<String>> rows;

  private CsvRows(String source, Lines lines, char separator, Selection columns) {
    this.source = source;
    this.lines = new RowLines(lines);
    this.columns = columns;
    this.format =
        CsvReader.builder()
            .fieldSeparator(separator)
            .skipEmptyLines(false)
            .allowUnclosedQuote(false)
            .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
            .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
            .maxBufferSize(BUFFER);
    this.rows = rows();
    this.header = header();
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws LorikeetException when the header is malformed, lacks a column or has it twice
   */
  static CsvRows open(String source, InputStream bytes, char separator, Selection columns) {
    return new CsvRows(source, new Lines(source, bytes), separator, columns);
  }

  private Iterator<List<String>> rows() {
    return format.build(fields, lines).iterator();
  }

  private List<String> header() {
    List<String> names;
    try {
      names = fields();
    } catch (BadRow e) {
      throw new LorikeetException(source + ": the header has " + e.getMessage(), e);
    }
    if (names == null) {
      return List.of();
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
    List<String> values;
    try {
      values = fields();
    } catch (BadRow e) {
      lines.giveBack();
      rows = rows();
      return Row.unreadable(lines.number(), e.getMessage() + ", in " + column());
    }
    if (values == null) {
      return null;
    }
    if (values.size() != header.size()) {
      return Row.unreadable(
          lines.number(),
          values.size()
              + (values.size() == 1 ? " field" : " fields")
              + ", but the header has "
              + header.size());
    }
    return columns.row(lines.number(), name -> TextNode.valueOf(values.get(header.indexOf(name))));
  }

  /** The fields of the next row that is not blank; null after the last. */
  private @Nullable List<String> fields() throws BadRow {
    try {
      List<String> values;
      do {
        lines.startRow();
        if (!rows.hasNext()) {
          return null;
        }
        values = rows.next();
      } while (lines.isBlank());
      return values;
    } catch (CsvParseException | UncheckedIOException e) {
      throw problem(e.getCause());
    }
  }

  /** What broke the row; what went wrong below the parser is thrown as it is. */
  private BadRow problem(@Nullable Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    if (cause instanceof RuntimeException other && !(other instanceof CsvParseException)) {
      throw other;
    }
    if (cause instanceof IOException tooLong) {
      return new BadRow(String.valueOf(tooLong.getMessage()));
    }
    return new BadRow(
        lines.hasEnded()
            ? "a quoted field that is never closed"
            : "text after a closing quote (a quote inside a field is written twice)");
  }

  /** Where the row broke. */
  private String column() {
    int index = fields.values.size();
    return index < header.size() ? "column \"" + header.get(index) + "\"" : "field " + (index + 1);
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

  /** The fields of the present row, as far as they were read. */
  private static final class Fields extends AbstractBaseCsvCallbackHandler<List<String>> {
    private List<String> values = List.of();

    @Override
    protected void handleBegin(long line) {
      values = new ArrayList<>();
    }

    @Override
    protected void handleField(int index, char[] buffer, int offset, int length, boolean quoted) {
      values.add(length == 0 ? "" : new String(buffer, offset, length));
    }

    @Override
    protected List<String> buildRecord() {
      return values;
    }
  }
}
