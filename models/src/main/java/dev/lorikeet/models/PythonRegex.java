package dev.lorikeet.models;

import dev.lorikeet.torch.UsageException;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of Python's <a href="https://docs.python.org/3/library/re.html">re</a>, as
 * users and PEFT's files write them, matched in a bounded number of steps: an expression that
 * backtracks without end is refused instead of never answering.
 *
 * <p>What Java spells differently is translated ({@link PythonSyntax}); what it cannot match is
 * refused. Safe for use by several threads.
 */
public final class PythonRegex {
  /**
   * How many characters one match may look at: some 10 ms. Expressions in use take less than a
   * tenth of it on a module's path; those that backtrack exponentially exceed any such number.
   */
  private static final int MAX_STEPS = 1_000_000;

  /** In Python only a line feed ends a line, and {@code \w} and its like mean all of Unicode. */
  private static final int FLAGS = Pattern.UNIX_LINES | Pattern.UNICODE_CHARACTER_CLASS;

  private static final int MAX_QUOTED = 200;

  private final String setting;
  private final String quoted;
  private final Pattern pattern;

  private PythonRegex(String setting, String quoted, Pattern pattern) {
    this.setting = setting;
    this.quoted = quoted;
    this.pattern = pattern;
  }

  /**
   * An expression that a setting has.
   *
   * @param setting the setting's name, for errors
   * @throws UsageException when it is none of Python's, or one that cannot be matched here
   */
  public static PythonRegex of(String setting, String expression) {
    return of(setting, expression, expression);
  }

  /**
   * An expression that is made of what a setting has.
   *
   * @param setting the setting's name, for errors
   * @param written what the user wrote, for errors
   * @throws UsageException when it is none of Python's, or one that cannot be matched here
   */
  public static PythonRegex of(String setting, String written, String expression) {
    String quoted = quoted(written);
    try {
      return new PythonRegex(
          setting, quoted, Pattern.compile(PythonSyntax.toJava(expression), FLAGS));
    } catch (PatternSyntaxException e) {
      throw new UsageException(
          setting + " " + quoted + " is not a regular expression: " + e.getDescription());
    }
  }

  private static String quoted(String expression) {
    return "\""
        + (expression.length() <= MAX_QUOTED
            ? expression
            : expression.substring(0, MAX_QUOTED) + "...")
        + "\"";
  }

  /**
   * Whether the whole of a text matches, as {@code re.fullmatch} tells.
   *
   * @throws UsageException when that takes too many steps
   */
  public boolean matches(String text) {
    return bounded(text, () -> pattern.matcher(new Steps(text)).matches());
  }

  /**
   * Whether some part of a text matches, as {@code re.search} tells.
   *
   * @throws UsageException when that takes too many steps
   */
  public boolean isFoundIn(String text) {
    return bounded(text, () -> pattern.matcher(new Steps(text)).find());
  }

  /** How a text is matched. */
  private interface Match {
    boolean answer();
  }

  private boolean bounded(String text, Match match) {
    try {
      return match.answer();
    } catch (TooManySteps | StackOverflowError e) {
      throw new UsageException(
          setting
              + " "
              + quoted
              + " takes too long to match \""
              + text
              + "\": write it without repetitions inside repetitions, such as (a+)+");
    }
  }

  @Override
  public String toString() {
    return setting + " " + quoted;
  }

  private static final class TooManySteps extends RuntimeException {
    private static final long serialVersionUID = 1;

    TooManySteps() {
      super(null, null, false, false);
    }
  }

  /** A text that can be looked at so many times. */
  private static final class Steps implements CharSequence {
    private final String text;
    private int left = MAX_STEPS;

    Steps(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      if (left-- == 0) {
        throw new TooManySteps();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.substring(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
