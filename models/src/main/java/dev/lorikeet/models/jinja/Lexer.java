package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Splits a template into data and tokens, with {@code trim_blocks} (a line break after a block or a
 * comment goes) and {@code lstrip_blocks} (so do the blanks before one at the start of a line). A
 * minus inside a delimiter takes all white space on its side, a plus keeps it.
 */
final class Lexer {
  private static final Pattern BEGIN = Pattern.compile("\\{([%{#])([-+]?)");
  private static final Pattern COMMENT_END = Pattern.compile("(-?)#\\}");
  private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(?:-%\\}\\s*|%\\}\\n?)");
  private static final Pattern END_RAW =
      Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\\n?)");
  private static final Pattern BLANKS = Pattern.compile("\\s*");
  private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{Nd}_]*");
  private static final Pattern FLOAT =
      Pattern.compile("(?<!\\.)\\d+(_\\d+)*((\\.\\d+(_\\d+)*)([eE][-+]?\\d+)?|[eE][-+]?\\d+)");
  private static final Pattern INTEGER = Pattern.compile("\\d+(_\\d+)*");
  private static final Pattern STRING =
      Pattern.compile(
          "'([^'\\\\]*(?:\\\\.[^'\\\\]*)*)'|\"([^\"\\\\]*(?:\\\\.[^\"\\\\]*)*)\"", Pattern.DOTALL);
  private static final Pattern OPERATOR =
      Pattern.compile("//|\\*\\*|[=!<>]=|[-+/*%~\\[\\](){}<>=.:|,;]");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int counted;
  private int line = 1;

  private Lexer(String source) {
    this.source = source;
  }

  /**
   * The tokens of a template, the last of them {@link Kind#END}.
   *
   * @throws JinjaException when a delimiter or a string is never closed, or a character is unknown
   */
  static List<Token> tokens(String source) {
    String text = source.replace("\r\n", "\n").replace('\r', '\n');
    return new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text).run();
  }

  private List<Token> run() {
    Matcher begin = BEGIN.matcher(source);
    while (begin.find(at)) {
      boolean lineStart = at == 0 || source.charAt(at - 1) == '\n';
      String data = source.substring(at, begin.start());
      char kind = begin.group(1).charAt(0);
      data(before(data, begin.group(2), kind != '{', lineStart));
      at = begin.start();
      if (kind == '#') {
        comment(begin.end());
      } else if (kind == '%' && RAW.matcher(source).region(at, source.length()).lookingAt()) {
        raw();
      } else {
        at = begin.end();
        tag(kind == '%');
      }
      if (at >= source.length()) {
        break;
      }
    }
    data(source.substring(at));
    add(Kind.END, "", at);
    return tokens;
  }

  /** The data before a delimiter, less the white space that goes. */
  private static String before(String data, String sign, boolean block, boolean lineStart) {
    if (sign.equals("-")) {
      return PyString.rstrip(data);
    }
    int line = data.lastIndexOf('\n') + 1;
    boolean strip = block && sign.isEmpty() && (line > 0 || lineStart);
    return strip && PyString.strip(data.substring(line)).isEmpty() ? data.substring(0, line) : data;
  }

  private void data(String text) {
    if (!text.isEmpty()) {
      add(Kind.DATA, text, at);
    }
  }

  private void comment(int start) {
    Matcher end = COMMENT_END.matcher(source);
    if (!end.find(start)) {
      throw failure("a comment is never closed", at);
    }
    at = end.end();
    skipAfter(end.group(1), true);
  }

  private void raw() {
    Matcher begin = RAW.matcher(source);
    Matcher end = END_RAW.matcher(source);
    if (!begin.find(at) || !end.find(begin.end())) {
      throw failure("raw is never closed", at);
    }
    data(
        before(
            source.substring(begin.end(), end.start()),
            end.group(1),
            true,
            source.charAt(begin.end() - 1) == '\n'));
    at = end.end();
  }

  /** White space that the end of a tag takes with it. */
  private void skipAfter(String sign, boolean block) {
    if (sign.equals("-")) {
      at += match(BLANKS).length();
    } else if (block && sign.isEmpty() && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
  }

  private void tag(boolean block) {
    int start = at;
    add(block ? Kind.BLOCK_BEGIN : Kind.VARIABLE_BEGIN, block ? "{%" : "{{", at);
    Pattern end = Pattern.compile("([-+]?)" + (block ? "%\\}" : "\\}\\}"));
    Deque<Character> open = new ArrayDeque<>();
    while (true) {
      at += match(BLANKS).length();
      if (at >= source.length()) {
        throw failure("a " + (block ? "block" : "variable") + " is never closed", start);
      }
      Matcher ending = end.matcher(source).region(at, source.length());
      if (open.isEmpty() && ending.lookingAt()) {
        add(block ? Kind.BLOCK_END : Kind.VARIABLE_END, ending.group(), at);
        at = ending.end();
        skipAfter(ending.group(1), block);
        return;
      }
      token(open);
    }
  }

  private void token(Deque<Character> open) {
    if (take(NAME, Kind.NAME) || take(FLOAT, Kind.FLOAT) || take(INTEGER, Kind.INTEGER)) {
      return;
    }
    Matcher string = STRING.matcher(source).region(at, source.length());
    if (string.lookingAt()) {
      String value = string.group().substring(1, string.group().length() - 1);
      add(Kind.STRING, PyString.unescape(value), at);
      at = string.end();
      return;
    }
    int start = at;
    if (!take(OPERATOR, Kind.OPERATOR)) {
      String character = new String(Character.toChars(source.codePointAt(at)));
      throw failure("unexpected character " + character, at);
    }
    balance(source.charAt(start), open, start);
  }

  private void balance(char bracket, Deque<Character> open, int start) {
    if ("([{".indexOf(bracket) >= 0) {
      open.push(")]}".charAt("([{".indexOf(bracket)));
    } else if (")]}".indexOf(bracket) >= 0 && (open.isEmpty() || open.pop() != bracket)) {
      throw failure("unexpected '" + bracket + "'", start);
    }
  }

  private boolean take(Pattern pattern, Kind kind) {
    String text = match(pattern);
    if (text.isEmpty()) {
      return false;
    }
    add(kind, text, at);
    at += text.length();
    return true;
  }

  private String match(Pattern pattern) {
    Matcher matcher = pattern.matcher(source).region(at, source.length());
    return matcher.lookingAt() ? matcher.group() : "";
  }

  private void add(Kind kind, String text, int place) {
    tokens.add(new Token(kind, text, line(place)));
  }

  /** The line of a place, counted on from the last one that was asked for. */
  private int line(int place) {
    if (place < counted) {
      counted = 0;
      line = 1;
    }
    for (; counted < place; counted++) {
      line += source.charAt(counted) == '\n' ? 1 : 0;
    }
    return line;
  }

  private JinjaException failure(String problem, int place) {
    return new JinjaException(problem).at(line(place));
  }
}
