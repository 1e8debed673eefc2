package dev.lorikeet.data.rows;

import org.jspecify.annotations.Nullable;

/** A row cannot be used; the message says why, but not where the row is. */
public final class BadRow extends Exception {
  private static final long serialVersionUID = 1;

  /**
   * A row that cannot be used.
   *
   * @param message why
   */
  public BadRow(String message) {
    super(message);
  }

  /**
   * A row whose value in one column cannot be used.
   *
   * @param problem what follows the column's name in the message
   */
  public static BadRow of(@Nullable String column, String problem) {
    return new BadRow("\"" + column + "\" " + problem);
  }
}
