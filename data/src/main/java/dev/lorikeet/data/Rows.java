package dev.lorikeet.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The rows of a data set in the order of the file, each with the place where it starts. */
interface Rows extends AutoCloseable {

  /**
   * One row.
   *
   * @param number the line where the row starts, or the row's number, both from 1
   * @param problem why the row cannot be read; null when it can
   * @param kept the columns that are passed through, by their names
   */
  record Row(
      long number,
      @Nullable String problem,
      Cell text,
      Cell textPair,
      Cell label,
      Map<String, JsonNode> kept) {

    /** A row of which nothing is passed through. */
    Row(long number, @Nullable String problem, Cell text, Cell textPair, Cell label) {
      this(number, problem, text, textPair, label, Map.of());
    }

    static Row unreadable(long number, String problem) {
      return new Row(number, problem, Cell.MISSING, Cell.MISSING, Cell.MISSING);
    }
  }

  /** The next row; null after the last. */
  @Nullable Row next();

  @Override
  void close();
}
