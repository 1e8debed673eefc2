package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The rows of a data set in the order of the file, each with the place where it starts. */
public interface Rows extends AutoCloseable {

  /**
   * One row.
   *
   * @param number the line where the row starts, or the row's number, both from 1
   * @param problem why the row cannot be read; null when it can
   * @param labels a cell for each column of labels
   * @param kept the columns that are passed through, by their names
   */
  record Row(
      long number,
      @Nullable String problem,
      Cell text,
      Cell textPair,
      List<Cell> labels,
      Map<String, JsonNode> kept) {

    static Row unreadable(long number, String problem) {
      return new Row(number, problem, Cell.MISSING, Cell.MISSING, List.of(), Map.of());
    }
  }

  /** The next row; null after the last. */
  @Nullable Row next();

  /** What errors call the place of a row that {@link #next} gave last. */
  String place(long number);

  /** Whether cells can only be strings, so that several labels share one. */
  default boolean areFlat() {
    return false;
  }

  @Override
  void close();
}
