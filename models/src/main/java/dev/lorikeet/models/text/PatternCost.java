package dev.lorikeet.models.text;

import dev.lorikeet.torch.LorikeetException;
import org.jspecify.annotations.Nullable;

/**
 * Whether a regular expression of a tokenizer.json (Oniguruma's syntax) may be matched against any
 * text. Oniguruma gives up after ten million steps from one place of a text, and the tokenizers
 * library panics when it does. So a pattern must need no more steps than a text has characters:
 *
 * <ul>
 *   <li>nothing is repeated that itself repeats or chooses, as in {@code (a+)+} and {@code (a|b)*};
 *   <li>what must match stands behind one loop at most: {@code a*b+} is accepted, {@code a*a*b} is
 *       not.
 * </ul>
 *
 * The patterns of GPT-2, GPT-4, Llama 3 and 4, Qwen, DeepSeek and CLIP are within these bounds.
 */
final class PatternCost {
  private static final int LONGEST = 20_000;
  private static final int DEEPEST = 50;
  private static final int MOST_REPEATS = 1_000;

  private final String pattern;
  private int at;
  private int depth;

  private PatternCost(String pattern) {
    this.pattern = pattern;
  }

  /**
   * Checks a pattern.
   *
   * @throws LorikeetException saying what is wrong with it; the caller adds where it stands
   */
  static void check(String pattern) {
    if (pattern.length() > LONGEST) {
      throw new LorikeetException(
          "a pattern has " + pattern.length() + " characters, at most " + LONGEST + " are read");
    }
    new PatternCost(pattern).alternatives();
  }

  /**
   * What may be tried again within a part of a pattern.
   *
   * @param loops how many, at most, one after the other
   * @param before how many stand before something that must match
   * @param varies whether there is more than one way to match it
   */
  private record Part(int loops, int before, boolean varies) {
    static final Part FIXED = new Part(0, 0, false);

    Part or(Part other) {
      return new Part(Math.max(loops, other.loops), Math.max(before, other.before), true);
    }
  }

  private LorikeetException refused(String why) {
    return new LorikeetException(
        "the pattern \"" + pattern + "\" " + why + ", which can take for ever on a long text");
  }

  private boolean more() {
    return at < pattern.length();
  }

  private boolean skip(String text) {
    if (!pattern.startsWith(text, at)) {
      return false;
    }
    at += text.length();
    return true;
  }

  /** Alternatives up to the group's end, or the pattern's. */
  private Part alternatives() {
    if (++depth > DEEPEST) {
      throw refused("has groups " + DEEPEST + " deep");
    }
    Part all = sequence();
    while (more() && pattern.charAt(at) == '|') {
      at++;
      all = all.or(sequence());
    }
    depth--;
    return all;
  }

  private Part sequence() {
    Part all = Part.FIXED;
    while (more() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
      all = followed(all, element(), repeat());
    }
    return all;
  }

  private Part followed(Part first, Part element, Repeat repeat) {
    if (repeat.most() > 1 && element.varies()) {
      throw refused("repeats a group that repeats or chooses");
    }
    int before = repeat.least() > 0 ? first.loops() + element.before() : element.before();
    if (before > 1) {
      throw refused("has something that must match behind two loops");
    }
    return new Part(
        first.loops() + element.loops() + (repeat.isLoop() ? 1 : 0),
        Math.max(first.before(), before),
        first.varies() || element.varies() || repeat.most() > 1 || repeat.least() == 0);
  }

  private Part element() {
    char c = pattern.charAt(at);
    if (c == '(') {
      return group();
    }
    if (c == '[') {
      characterClass();
    } else if (c == '\\') {
      escape();
    } else {
      at++;
    }
    return Part.FIXED;
  }

  private Part group() {
    at++;
    if (skip("?#")) {
      int end = pattern.indexOf(')', at);
      at = end < 0 ? pattern.length() : end + 1;
      return Part.FIXED;
    }
    if (pattern.startsWith("?(", at) || pattern.startsWith("?~", at) || skip("*")) {
      throw refused("has a condition, an absence operator or a callout");
    }
    if (skip("?")) {
      groupKind();
    }
    Part inside = alternatives();
    if (!more()) {
      throw new LorikeetException("the pattern \"" + pattern + "\" does not close a group");
    }
    at++;
    return inside;
  }

  /** {@code ?:}, {@code ?=}, {@code ?<!}, {@code ?<name>}, {@code ?i:} and the like. */
  private void groupKind() {
    if (skip("<=") || skip("<!") || skip(":") || skip("=") || skip("!") || skip(">")) {
      return;
    }
    while (more() && pattern.charAt(at) != ':' && pattern.charAt(at) != ')') {
      if (pattern.charAt(at++) == '>') {
        return; // a name
      }
    }
    skip(":");
  }

  private void characterClass() {
    int open = 0;
    do {
      char c = pattern.charAt(at);
      if (c == '\\') {
        at++;
      } else if (c == '[') {
        open++;
        if (pattern.startsWith("^]", at + 1)) {
          at += 2;
        } else if (pattern.startsWith("]", at + 1)) {
          at++;
        }
      } else if (c == ']') {
        open--;
      }
      at++;
    } while (open > 0 && more());
  }

  private void escape() {
    at++;
    if (!more()) {
      return;
    }
    char c = pattern.charAt(at++);
    if (c == 'g' || c == 'k' || (c >= '1' && c <= '9')) {
      throw refused("refers back to a group");
    }
    if ((c == 'p' || c == 'P' || c == 'x' || c == 'o') && skip("{")) {
      int end = pattern.indexOf('}', at);
      at = end < 0 ? pattern.length() : end + 1;
    }
  }

  /**
   * How often something stands.
   *
   * @param most a large number where there is no bound
   */
  private record Repeat(long least, long most) {
    boolean isLoop() {
      return most > 1 && most > least;
    }
  }

  private Repeat repeat() {
    Repeat repeat = quantifier();
    if (repeat == null) {
      return new Repeat(1, 1);
    }
    boolean counted = pattern.charAt(at - 1) == '}';
    if (!skip("?") && !counted) {
      skip("+");
    }
    if (quantifier() != null) {
      throw refused("repeats a repetition");
    }
    return repeat;
  }

  private @Nullable Repeat quantifier() {
    if (skip("*")) {
      return new Repeat(0, Integer.MAX_VALUE);
    }
    if (skip("+")) {
      return new Repeat(1, Integer.MAX_VALUE);
    }
    if (skip("?")) {
      return new Repeat(0, 1);
    }
    return interval();
  }

  /** {@code {n}}, {@code {n,}}, {@code {,m}} and {@code {n,m}}; anything else is plain text. */
  private @Nullable Repeat interval() {
    int end = more() && pattern.charAt(at) == '{' ? pattern.indexOf('}', at) : -1;
    if (end < 0 || !pattern.substring(at + 1, end).matches("\\d{1,9}(,\\d{0,9})?|,\\d{1,9}")) {
      return null;
    }
    String inside = pattern.substring(at + 1, end);
    at = end + 1;
    int comma = inside.indexOf(',');
    String low = comma < 0 ? inside : inside.substring(0, comma);
    String high = comma < 0 ? inside : inside.substring(comma + 1);
    long least = low.isEmpty() ? 0 : Long.parseLong(low);
    long most = high.isEmpty() ? Integer.MAX_VALUE : Long.parseLong(high);
    if (least > MOST_REPEATS || (!high.isEmpty() && most > MOST_REPEATS)) {
      throw refused("repeats something more than " + MOST_REPEATS + " times");
    }
    return new Repeat(Math.min(least, most), Math.max(least, most));
  }
}
