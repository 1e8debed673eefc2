package dev.lorikeet.models.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Python does with strings; places count code points. */
final class PyString {
  private static final Pattern ESCAPE =
      Pattern.compile(
          "\\\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))",
          Pattern.DOTALL);
  private static final String ESCAPED = "ntrbfav\\'\"";
  private static final String ESCAPES = "\n\t\r\b\f\u0007\u000b\\'\"";
  private static final Pattern LINE_BREAK =
      Pattern.compile("\r\n|[\n\r\u000b\f\u001c-\u001e\u0085\u2028\u2029]");

  private PyString() {}

  /** Whether {@code str.isspace} holds of a character. */
  static boolean isSpace(int character) {
    return Character.isWhitespace(character)
        || Character.isSpaceChar(character)
        || character == 0x85;
  }

  static String strip(String text) {
    return lstrip(rstrip(text));
  }

  static String lstrip(String text) {
    return lstrip(text, PyString::isSpace);
  }

  static String rstrip(String text) {
    return rstrip(text, PyString::isSpace);
  }

  static String lstrip(String text, IntPredicate goes) {
    int start = 0;
    while (start < text.length() && goes.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  static String rstrip(String text, IntPredicate goes) {
    int end = text.length();
    while (end > 0 && goes.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** The characters, each as a string. */
  static List<Object> characters(String text) {
    List<Object> characters = new ArrayList<>();
    text.codePoints().forEach(c -> characters.add(Character.toString(c)));
    return characters;
  }

  /** {@code str.split()}: the words between white space, at most {@code limit} cuts if not −1. */
  static List<Object> words(String text, long limit) {
    List<Object> words = new ArrayList<>();
    String rest = lstrip(text);
    while (!rest.isEmpty()) {
      int end = 0;
      while (end < rest.length() && !isSpace(rest.codePointAt(end))) {
        end += Character.charCount(rest.codePointAt(end));
      }
      if (limit >= 0 && words.size() == limit) {
        words.add(rstrip(rest));
        return words;
      }
      words.add(rest.substring(0, end));
      rest = lstrip(rest.substring(end));
    }
    return words;
  }

  /** {@code str.split(separator, limit)}. */
  static List<Object> split(String text, String separator, long limit) {
    if (separator.isEmpty()) {
      throw new JinjaException("empty separator");
    }
    List<Object> parts = new ArrayList<>();
    int start = 0;
    for (int next = text.indexOf(separator);
        next >= 0 && (limit < 0 || parts.size() < limit);
        next = text.indexOf(separator, start)) {
      parts.add(text.substring(start, next));
      start = next + separator.length();
    }
    parts.add(text.substring(start));
    return parts;
  }

  /** {@code str.rsplit(separator, limit)}. */
  static List<Object> rsplit(String text, String separator, long limit) {
    List<Object> parts = split(text, separator, -1);
    if (limit < 0 || parts.size() - 1 <= limit) {
      return parts;
    }
    int first = parts.size() - (int) limit;
    List<Object> kept = new ArrayList<>(parts.subList(first, parts.size()));
    kept.add(0, Values.join(separator, parts.subList(0, first)));
    return kept;
  }

  static List<Object> lines(String text) {
    List<Object> lines = new ArrayList<>();
    Matcher breaks = LINE_BREAK.matcher(text);
    int start = 0;
    while (breaks.find()) {
      lines.add(text.substring(start, breaks.start()));
      start = breaks.end();
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }

  static long count(String text, String part) {
    return part.isEmpty() ? length(text) + 1L : split(text, part, -1).size() - 1L;
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.offsetByCodePoints(0, 1);
    return text.substring(0, first).toUpperCase(Locale.ROOT)
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  /** {@code str.title()}: letters behind no letter are capital, all others small. */
  static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean inWord = false;
    for (int c : text.codePoints().toArray()) {
      title.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isLetter(c);
    }
    return title.toString();
  }

  /** The value of a string literal, whose escapes are Python's. */
  static String unescape(String literal) {
    return ESCAPE
        .matcher(literal)
        .replaceAll(escape -> Matcher.quoteReplacement(character(escape)));
  }

  private static String character(java.util.regex.MatchResult escape) {
    for (int group = 1; group <= 3; group++) {
      if (escape.group(group) != null) {
        return Character.toString(Integer.parseInt(escape.group(group), 16));
      }
    }
    if (escape.group(4) != null) {
      return Character.toString(Integer.parseInt(escape.group(4), 8));
    }
    String letter = escape.group(5);
    int known = ESCAPED.indexOf(letter);
    if (letter.equals("\n")) {
      return "";
    }
    return known < 0 ? escape.group() : ESCAPES.substring(known, known + 1);
  }

  /** {@code repr(text)}. */
  static String repr(String text) {
    String quote = text.contains("'") && !text.contains("\"") ? "\"" : "'";
    StringBuilder repr = new StringBuilder(quote);
    text.codePoints()
        .forEach(
            c -> {
              int known = "\n\t\r\\".indexOf(c);
              if (known >= 0) {
                repr.append('\\').append("ntr\\".charAt(known));
              } else if (c == quote.charAt(0)) {
                repr.append('\\').append(quote);
              } else if (c < 0x20 || (c >= 0x7f && c < 0xa1) || c == 0xad) {
                repr.append(String.format("\\x%02x", c));
              } else if (c == ' ' || !isSpace(c)) {
                repr.appendCodePoint(c);
              } else {
                repr.append(String.format("\\u%04x", c));
              }
            });
    return repr.append(quote).toString();
  }
}
