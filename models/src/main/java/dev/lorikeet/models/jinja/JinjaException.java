package dev.lorikeet.models.jinja;

import dev.lorikeet.torch.LorikeetException;

/** A template is malformed or cannot be rendered, or raised an exception itself. */
public final class JinjaException extends LorikeetException {
  private static final long serialVersionUID = 1;

  private final boolean located;

  private JinjaException(String message, boolean located) {
    super(message);
    this.located = located;
  }

  JinjaException(String message) {
    this(message, false);
  }

  /** What the template raised by {@code raise_exception}, in its own words. */
  static JinjaException raised(String message) {
    return new JinjaException(message, true);
  }

  /** With the line of the template, unless the message stands for itself. */
  JinjaException at(int line) {
    if (located) {
      return this;
    }
    JinjaException there = new JinjaException("line " + line + ": " + getMessage(), true);
    there.setStackTrace(getStackTrace());
    return there;
  }
}
