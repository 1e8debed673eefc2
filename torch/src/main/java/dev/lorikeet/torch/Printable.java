package dev.lorikeet.torch;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Texts of strangers as people can be shown them. Names and values come from files that anyone may
 * have written; printed as they are, their control characters would move a terminal's cursor, their
 * line breaks would look like lines of ours, and marks of direction would turn what is read around.
 * Here such characters are written as {@code \}{@code n} or {@code \}{@code u001b}, which is also
 * how JSON writes them: a line of JSON stays valid and says the same.
 */
public final class Printable {
  /** About twelve lines of a terminal. */
  private static final int LONGEST_MESSAGE = 1_000;

  /** What is kept of the beginning of a message that is too long. */
  private static final int BEGINNING = 650;

  /** What is kept of its end, where the mend stands. */
  private static final int END = 250;

  private Printable() {}

  /** A value or a message as one line: line breaks and tabs are escaped, too. */
  public static String line(String text) {
    return escaped(text, "");
  }

  /** A text of several lines: line breaks and tabs are left. */
  public static String lines(String text) {
    return escaped(text.replace("\r\n", "\n"), "\n\t");
  }

  /** {@link #line}, and no longer than can be read: the middle of what is longer is left out. */
  public static String message(String text) {
    String line = line(text);
    if (line.length() <= LONGEST_MESSAGE) {
      return line;
    }
    int from = whole(line, BEGINNING);
    int to = whole(line, line.length() - END);
    return String.format(
        Locale.ROOT,
        "%s ... (%,d characters left out) ... %s",
        line.substring(0, from),
        to - from,
        line.substring(to));
  }

  /** {@link String#format}, each value that is no number as a {@link #line}. */
  public static String format(String pattern, @Nullable Object... values) {
    Object[] shown =
        Arrays.stream(values)
            .map(value -> value instanceof Number ? value : line(String.valueOf(value)))
            .toArray();
    return String.format(Locale.ROOT, pattern, shown);
  }

  /** A place that does not lie within a code point. */
  private static int whole(String text, int at) {
    boolean within =
        Character.isHighSurrogate(text.charAt(at - 1)) && Character.isLowSurrogate(text.charAt(at));
    return within ? at - 1 : at;
  }

  private static String escaped(String text, String left) {
    if (text.codePoints().noneMatch(c -> isHidden(c) && left.indexOf(c) < 0)) {
      return text;
    }
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (isHidden(c) && left.indexOf(c) < 0) {
                shown.append(escape(c));
              } else {
                shown.appendCodePoint(c);
              }
            });
    return shown.toString();
  }

  /**
   * Whether a terminal acts on a character instead of showing it, or shows nothing. Joiners
   * (U+200C, U+200D) are left: scripts and emoji need them.
   */
  private static boolean isHidden(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          true;
      case Character.FORMAT ->
          c == 0xad
              || c == 0x61c
              || c == 0x180e
              || c == 0x200b
              || c == 0x200e
              || c == 0x200f
              || (c >= 0x202a && c <= 0x202e)
              || (c >= 0x2060 && c <= 0x206f)
              || c == 0xfeff
              || (c >= 0xfff9 && c <= 0xfffb);
      default -> false;
    };
  }

  private static String escape(int c) {
    return switch (c) {
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      default -> String.format(Locale.ROOT, "\\u%04x", c);
    };
  }
}
