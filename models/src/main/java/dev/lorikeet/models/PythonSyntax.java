package dev.lorikeet.models;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Translates a regular expression of Python's re to the same of {@link Pattern}'s, which must be
 * compiled with {@link Pattern#UNIX_LINES} and {@link Pattern#UNICODE_CHARACTER_CLASS}. What both
 * spell alike passes, so that Java's own errors are those for an open bracket and the like.
 */
final class PythonSyntax {
  /** A counted repetition, with an upper or a lower bound or both. */
  private static final Pattern COUNT = Pattern.compile("\\{(\\d*)(,?)(\\d*)}");

  private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_]*");
  private static final Pattern FLAGS = Pattern.compile("\\(\\?([a-zA-Z]*)(-[a-zA-Z]+)?([:)])");

  private static final Pattern GLOBAL_FLAGS = Pattern.compile("(\\(\\?[a-zA-Z]+\\))*");

  private static final Pattern OCTAL = Pattern.compile("0[0-7]{0,2}|[0-3][0-7]{2}");

  /** Letters whose escapes mean the same in both. */
  private static final String SAME_ESCAPES = "AbBdDsSwWafnrtxuN";

  /** Those that are the same in both inside brackets. */
  private static final String SAME_IN_CLASS = "dDsSwWafnrtxuN";

  /** How often a part may have to be repeated, the repetitions around it counted, at least. */
  private static final long MAX_REPEATED = 1_000_000;

  private final String python;
  private final StringBuilder java = new StringBuilder();
  private final List<String> names = new ArrayList<>();
  private final Deque<Boolean> verboseOutside = new ArrayDeque<>();
  private int at;
  private int groups;
  private boolean verbose;
  private long repeated = 1;

  private PythonSyntax(String python) {
    this.python = python;
  }

  /**
   * The expression in Java's syntax.
   *
   * @throws PatternSyntaxException where it is none of Python's, or has what Java lacks
   */
  static String toJava(String python) {
    return new PythonSyntax(python).translate();
  }

  private String translate() {
    while (at < python.length()) {
      char c = python.charAt(at);
      switch (c) {
        case '\\' -> escape();
        case '[' -> characterClass();
        case '(' -> open();
        case ')' -> close();
        case '{' -> count();
        case '}' -> take("\\}");
        default -> other(c);
      }
    }
    return java.toString();
  }

  /** Replaces one character. */
  private void take(String translated) {
    java.append(translated);
    at++;
  }

  private void other(char c) {
    if (verbose && Character.isWhitespace(c)) {
      at++;
    } else if (verbose && c == '#') {
      int end = python.indexOf('\n', at);
      at = end < 0 ? python.length() : end + 1;
    } else {
      take(String.valueOf(c));
    }
  }

  // ---- groups ----

  private void open() {
    if (!python.startsWith("(?", at)) {
      groups++;
      group("(", 1);
    } else if (python.startsWith("(?P<", at)) {
      int end = mustFind('>', at + 4);
      names.add(name(python.substring(at + 4, end)));
      groups++;
      group("(?<" + javaName(names.size() - 1) + ">", end + 1 - at);
    } else if (python.startsWith("(?P=", at)) {
      int end = mustFind(')', at + 4);
      String name = python.substring(at + 4, end);
      int known = names.indexOf(name);
      if (known < 0) {
        throw wrong("Unknown group name '" + name + "'");
      }
      java.append("\\k<").append(javaName(known)).append('>');
      at = end + 1;
    } else if (python.startsWith("(?#", at)) {
      at = mustFind(')', at) + 1;
    } else if (python.startsWith("(?<=", at) || python.startsWith("(?<!", at)) {
      group(python.substring(at, at + 4), 4);
    } else if (python.startsWith("(?=", at)
        || python.startsWith("(?!", at)
        || python.startsWith("(?>", at)) {
      group(python.substring(at, at + 3), 3);
    } else if (python.startsWith("(?(", at)) {
      throw wrong("Conditional groups are not supported");
    } else {
      flags();
    }
  }

  /** Flags for a group, or at the start for the whole. */
  private void flags() {
    Matcher matcher = FLAGS.matcher(python).region(at, python.length());
    if (!matcher.lookingAt()) {
      throw wrong("Unknown extension " + python.substring(at, Math.min(at + 4, python.length())));
    }
    String on = matcher.group(1);
    String off = matcher.group(2) == null ? "" : matcher.group(2).substring(1);
    boolean scoped = matcher.group(3).equals(":");
    if (!scoped && !(off.isEmpty() && GLOBAL_FLAGS.matcher(python.substring(0, at)).matches())) {
      throw wrong("Flags not at the start of the expression");
    }
    String translated = javaFlags(on, off);
    if (scoped) {
      group("(?" + translated + ":", matcher.end() - at);
    } else {
      java.append(translated.isEmpty() ? "" : "(?" + translated + ")");
      at = matcher.end();
    }
    verbose = (verbose || on.indexOf('x') >= 0) && off.indexOf('x') < 0;
  }

  /** Flags in Java's letters; whitespace of verbose expressions is left out here already. */
  private String javaFlags(String on, String off) {
    StringBuilder plus = new StringBuilder();
    StringBuilder minus = new StringBuilder();
    on.chars().forEach(flag -> (flag == 'a' ? minus : plus).append(flagOn(flag)));
    off.chars().forEach(flag -> minus.append(flagOff(flag)));
    return plus + (minus.length() == 0 ? "" : "-" + minus);
  }

  private String flagOn(int flag) {
    return switch (flag) {
      case 'i' -> "iu";
      case 'm' -> "m";
      case 's' -> "s";
      case 'a', 'u' -> "U";
      case 'x' -> "";
      default -> throw wrong("Unknown flag " + (char) flag);
    };
  }

  private String flagOff(int flag) {
    return switch (flag) {
      case 'i' -> "i";
      case 'm' -> "m";
      case 's' -> "s";
      case 'x' -> "";
      default -> throw wrong("Unknown flag -" + (char) flag);
    };
  }

  private void group(String translated, int length) {
    verboseOutside.push(verbose);
    java.append(translated);
    at += length;
  }

  private void close() {
    verbose = verboseOutside.isEmpty() ? verbose : verboseOutside.pop();
    take(")");
  }

  private String name(String name) {
    if (!NAME.matcher(name).matches()) {
      throw wrong("Bad character in group name '" + name + "'");
    }
    if (names.contains(name)) {
      throw wrong("Group name '" + name + "' is given twice");
    }
    return name;
  }

  /** Java's names have letters and digits only. */
  private static String javaName(int index) {
    return "group" + index;
  }

  private int mustFind(char end, int from) {
    int found = python.indexOf(end, from);
    if (found < 0) {
      throw wrong("Unclosed group");
    }
    return found;
  }

  // ---- repetitions ----

  /** A counted repetition; a brace that begins none is one. */
  private void count() {
    Matcher matcher = COUNT.matcher(python).region(at, python.length());
    if (!matcher.lookingAt() || matcher.group(1).length() + matcher.group(2).length() == 0) {
      take("\\{");
      return;
    }
    String least = matcher.group(1).isEmpty() ? "0" : matcher.group(1);
    mustEnd(least);
    java.append('{').append(least).append(matcher.group(2)).append(matcher.group(3)).append('}');
    at = matcher.end();
  }

  /** Java repeats what matches nothing as often as it says, without looking at the text. */
  private void mustEnd(String times) {
    repeated = times.length() > 9 ? Long.MAX_VALUE : repeated * Math.max(1, Long.parseLong(times));
    if (repeated > MAX_REPEATED) {
      throw wrong("It repeats a part " + times + " times");
    }
  }

  // ---- escapes ----

  private void escape() {
    char c = escaped();
    if (c == 'Z' || c == 'z') {
      java.append("\\z");
    } else if (c == 'v') {
      java.append("\\x0B");
    } else if (c == 'U') {
      longUnicode();
      return;
    } else if (c >= '0' && c <= '9') {
      number();
      return;
    } else if (isLetter(c) && SAME_ESCAPES.indexOf(c) < 0) {
      throw wrong("Bad escape \\" + c);
    } else {
      java.append('\\').append(c);
    }
    at += 2;
  }

  private char escaped() {
    if (at + 1 == python.length()) {
      throw wrong("Bad escape (end of the expression)");
    }
    return python.charAt(at + 1);
  }

  /** An octal code, or a group's number. */
  private void number() {
    int end = at + 2;
    while (end < python.length() && end < at + 4 && isDigit(python.charAt(end))) {
      end++;
    }
    String digits = python.substring(at + 1, end);
    Matcher octal = OCTAL.matcher(digits);
    if (octal.lookingAt()) {
      java.append(codePoint(octal.group()));
      at += 1 + octal.group().length();
      return;
    }
    String group = digits.substring(0, Math.min(2, digits.length()));
    if (Integer.parseInt(group) > groups) {
      throw wrong("Invalid group reference " + group);
    }
    java.append("(?:\\").append(group).append(')'); // so that no digit after it counts
    at += 1 + group.length();
  }

  private void longUnicode() {
    String code = python.substring(at + 2, Math.min(at + 10, python.length()));
    if (!code.matches("[0-9a-fA-F]{8}")) {
      throw wrong("Incomplete escape \\U" + code);
    }
    java.append("\\x{").append(code).append('}');
    at += 10;
  }

  private static String codePoint(String octal) {
    return "\\x{" + Integer.toHexString(Integer.parseInt(octal, 8)) + "}";
  }

  private static boolean isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  // ---- brackets ----

  /** Inside brackets Java sees classes in classes, intersections and comments; Python none. */
  private void characterClass() {
    take("[");
    if (at < python.length() && python.charAt(at) == '^') {
      take("^");
    }
    boolean first = true;
    while (at < python.length() && (first || python.charAt(at) != ']')) {
      char c = python.charAt(at);
      if (c == '\\') {
        escapeInClass();
      } else {
        take(isLetter(c) || isDigit(c) || c == '-' || c > 127 ? String.valueOf(c) : "\\" + c);
      }
      first = false;
    }
    if (at < python.length()) {
      take("]");
    }
  }

  private void escapeInClass() {
    char c = escaped();
    if (c == 'b') {
      java.append("\\x08");
    } else if (c == 'v') {
      java.append("\\x0B");
    } else if (c == 'U') {
      longUnicode();
      return;
    } else if (isDigit(c)) {
      octalInClass();
      return;
    } else if (isLetter(c) && SAME_IN_CLASS.indexOf(c) < 0) {
      throw wrong("Bad escape \\" + c);
    } else {
      java.append('\\').append(c);
    }
    at += 2;
  }

  private void octalInClass() {
    Matcher octal = OCTAL.matcher(python);
    if (!octal.region(at + 1, python.length()).lookingAt()) {
      throw wrong("Bad escape \\" + python.charAt(at + 1));
    }
    java.append(codePoint(octal.group()));
    at = octal.end();
  }

  private PatternSyntaxException wrong(String what) {
    return new PatternSyntaxException(what, python, at);
  }
}
