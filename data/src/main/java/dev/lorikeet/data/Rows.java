package dev.lorikeet.data;

import org.jspecify.annotations.Nullable;

/** The rows of a data set in the order of the file, each with the place where it starts. */
interface Rows extends AutoCloseable {

  /**
   * One row.
   *
   * @param number the line where the row starts, or the row's number, both from 1
   * @param problem why the row cannot be read; null when it can
   */
  record Row(long number, @Nullable String problem, Cell text, Cell textPair, Cell label) {

    static Row unreadable(long number, String problem) {
      return new Row(number, problem, Cell.MISSING, Cell.MISSING, Cell.MISSING);
    }
  }

  /** The next row; null after the last. */
  @Nullable Row next();

  @Override
  void close();
}
