package dev.lorikeet.data.rows;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a JSON file: one object a line, blank lines passed over, or one array of objects,
 * however it is laid out.
 */
final class JsonRows implements Rows {
  /** How far to look for the first character of a file. */
  private static final int LOOK = 1 << 16;

  private final String source;
  private final Selection columns;
  private final Objects objects;

  /** All fields seen so far. */
  private final Set<String> fields = new TreeSet<>();

  /** Rows that were read to find out whether a column is anywhere. */
  private final Deque<Row> ahead = new ArrayDeque<>();

  private JsonRows(String source, Selection columns, Objects objects) {
    this.source = source;
    this.columns = columns;
    this.objects = objects;
  }

  /**
   * Opens a file.
   *
   * @throws LorikeetException when it cannot be read
   */
  static JsonRows open(String source, InputStream bytes, Selection columns) {
    try {
      BufferedInputStream buffered = new BufferedInputStream(bytes, LOOK);
      return new JsonRows(
          source,
          columns,
          isArray(buffered) ? new ArrayOf(source, buffered) : new LinesOf(source, buffered));
    } catch (IOException e) {
      throw Lines.unreadable(source, e);
    }
  }

  private static boolean isArray(BufferedInputStream bytes) throws IOException {
    bytes.mark(LOOK);
    int first = bytes.read();
    if (first == 0xEF && bytes.read() == 0xBB && bytes.read() == 0xBF) {
      first = bytes.read();
    }
    for (int i = 4;
        i < LOOK && (first == ' ' || first == '\t' || first == '\r' || first == '\n');
        i++) {
      first = bytes.read();
    }
    bytes.reset();
    return first == '[';
  }

  // ---- objects, one after the other ----

  private interface Objects extends AutoCloseable {
    /** The next object; null after the last. */
    @Nullable ObjectNode next() throws BadRow;

    /** The line where the last one began. */
    long line();

    @Override
    void close();
  }

  private static final class LinesOf implements Objects {
    private final Lines lines;

    LinesOf(String source, InputStream bytes) {
      lines = new Lines(source, bytes);
    }

    @Override
    public @Nullable ObjectNode next() throws BadRow {
      String line = lines.next();
      while (line != null && line.isBlank()) {
        line = lines.next();
      }
      return line == null ? null : Json.object(line);
    }

    @Override
    public long line() {
      return lines.number();
    }

    @Override
    public void close() {
      lines.close();
    }
  }

  private static final class ArrayOf implements Objects {
    private final String source;
    private final JsonParser parser;
    private long line = 1;

    ArrayOf(String source, InputStream bytes) throws IOException {
      this.source = source;
      Reader reader =
          new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
      reader.mark(1);
      if (reader.read() != '\uFEFF') {
        reader.reset();
      }
      parser = Json.parser(reader);
      try {
        parser.nextToken();
      } catch (IOException e) {
        throw broken(e);
      }
    }

    @Override
    public @Nullable ObjectNode next() throws BadRow {
      try {
        if (parser.nextToken() == JsonToken.END_ARRAY) {
          if (parser.nextToken() != null) {
            line = parser.currentTokenLocation().getLineNr();
            throw new LorikeetException(
                source
                    + ":"
                    + line
                    + ": more behind the array: write one array, or an object a line");
          }
          return null;
        }
        line = parser.currentTokenLocation().getLineNr();
        JsonNode element = parser.readValueAs(JsonNode.class);
        return Json.object(element);
      } catch (IOException e) {
        throw broken(e);
      }
    }

    /** What is behind a broken element cannot be told apart, so that no row can be skipped. */
    private LorikeetException broken(IOException e) {
      if (e instanceof JsonProcessingException json) {
        line = json.getLocation() == null ? line : json.getLocation().getLineNr();
        return new LorikeetException(
            source + ":" + line + ": the array is not JSON: " + Json.problem(json), e);
      }
      return e instanceof CharacterCodingException
          ? new LorikeetException(source + ": not UTF-8: save the file as UTF-8", e)
          : Lines.unreadable(source, e);
    }

    @Override
    public long line() {
      return line;
    }

    @Override
    public void close() {
      try {
        parser.close();
      } catch (IOException e) {
        // It was only read from.
      }
    }
  }

  // ---- rows ----

  @Override
  public @Nullable Row next() {
    Row row = ahead.isEmpty() ? read() : ahead.poll();
    if (row != null && row.problem() == null) {
      columns.names().stream().filter(name -> !fields.contains(name)).forEach(this::mustBeAhead);
    }
    return row;
  }

  private @Nullable Row read() {
    try {
      ObjectNode object = objects.next();
      if (object == null) {
        return null;
      }
      object.fieldNames().forEachRemaining(fields::add);
      return columns.row(objects.line(), object::get);
    } catch (BadRow e) {
      return Row.unreadable(objects.line(), String.valueOf(e.getMessage()));
    }
  }

  /** A field that one object lacks is a bad row; one that all lack is an unknown column. */
  private void mustBeAhead(String name) {
    for (Row row = read(); row != null; row = read()) {
      ahead.add(row);
      if (fields.contains(name)) {
        return;
      }
    }
    throw Selection.unknown(source, name, fields.stream().toList());
  }

  @Override
  public String place(long number) {
    return source + ":" + number;
  }

  @Override
  public void close() {
    objects.close();
  }
}
