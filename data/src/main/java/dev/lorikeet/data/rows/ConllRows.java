package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The sentences of a file in columns, as the shared tasks of CoNLL have it: a word and its tags a
 * line, between tabs or spaces, and a blank line behind each sentence. {@code -DOCSTART-} lines are
 * passed over, and of <a href="https://universaldependencies.org/format.html">CoNLL-U</a> comments,
 * multiword tokens and empty nodes. Tags (BIO, IOB1, IOBES) stay as they are.
 *
 * <p>Columns are called by their numbers, from 1, or from the last, −1; see {@link ConllColumns}
 * for names.
 */
final class ConllRows implements Rows {
  private static final String DOCUMENT_START = "-DOCSTART-";
  private static final Pattern COMMENT = Pattern.compile("#.*=.*|#\\s*(id|new\\w+)\\b.*");
  private static final Pattern NO_WORD = Pattern.compile("\\d+[-.]\\d+");

  private final String source;
  private final Selection columns;
  private final Lines lines;

  /** What the columns are; null until the first line of words. */
  private @Nullable ConllColumns known;

  ConllRows(String source, InputStream bytes, Selection columns) {
    this.source = source;
    this.columns = columns;
    this.lines = new Lines(source, bytes);
  }

  @Override
  public @Nullable Row next() {
    List<List<String>> sentence = new ArrayList<>();
    long start = 0;
    String problem = null;
    for (String line = lines.next(); line != null; line = lines.next()) {
      if (line.isBlank()) {
        if (start > 0) {
          break;
        }
        continue;
      }
      List<String> fields = fields(line);
      if (fields.get(0).equals(DOCUMENT_START) || (start == 0 && isComment(line, fields.size()))) {
        continue;
      }
      start = start == 0 ? lines.number() : start;
      ConllColumns layout = layout(fields);
      if (fields.size() != layout.count()) {
        problem =
            ("line " + lines.number() + " has another number of columns, " + fields.size())
                + (", than the first, " + layout.count());
      } else if (!layout.isUniversal() || !NO_WORD.matcher(fields.get(0)).matches()) {
        sentence.add(fields);
      }
    }
    if (start == 0) {
      return null;
    }
    return problem != null
        ? Row.unreadable(start, problem)
        : columns.row(start, name -> column(sentence, name));
  }

  private static List<String> fields(String line) {
    String text = line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
    return Arrays.asList(text.indexOf('\t') >= 0 ? text.split("\t", -1) : text.strip().split(" +"));
  }

  /** A line of words may begin with the sign of a comment, too: # is a word. */
  private boolean isComment(String line, int fields) {
    return line.startsWith("#")
        && line.indexOf('\t') < 0
        && (known == null ? COMMENT.matcher(line.strip()).matches() : fields != known.count());
  }

  private ConllColumns layout(List<String> first) {
    if (known == null) {
      ConllColumns layout = new ConllColumns(first);
      columns.names().forEach(name -> layout.index(source, name, columns));
      known = layout;
    }
    return known;
  }

  private ArrayNode column(List<List<String>> sentence, String name) {
    int index = Objects.requireNonNull(known).index(source, name, columns);
    ArrayNode values = JsonNodeFactory.instance.arrayNode();
    sentence.forEach(fields -> values.add(fields.get(index)));
    return values;
  }

  @Override
  public String place(long number) {
    return source + ":" + number;
  }

  @Override
  public void close() {
    lines.close();
  }
}
