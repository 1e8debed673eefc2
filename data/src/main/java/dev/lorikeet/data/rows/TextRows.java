package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.node.TextNode;
import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a plain text, each a row of one column, {@code text}, as datasets' text loader has
 * it; blank lines are passed over.
 */
final class TextRows implements Rows {
  private static final String COLUMN = "text";

  private final String source;
  private final Selection columns;
  private final Lines lines;

  /**
   * Opens a file.
   *
   * @throws dev.lorikeet.torch.UsageException when another column is asked for
   */
  TextRows(String source, InputStream bytes, Selection columns) {
    this.source = source;
    this.columns = columns;
    this.lines = new Lines(source, bytes);
    columns.require(source, List.of(COLUMN));
  }

  @Override
  public @Nullable Row next() {
    String line = lines.next();
    while (line != null && line.isBlank()) {
      line = lines.next();
    }
    String text = line;
    return text == null
        ? null
        : columns.row(lines.number(), name -> TextNode.valueOf(text.replaceFirst("\r$", "")));
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
