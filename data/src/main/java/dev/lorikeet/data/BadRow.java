package dev.lorikeet.data;

/** A row cannot be used; the message says why, but not where the row is. */
final class BadRow extends Exception {
  private static final long serialVersionUID = 1;

  BadRow(String message) {
    super(message);
  }
}
