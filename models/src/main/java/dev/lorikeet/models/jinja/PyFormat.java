package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Values.Tuple;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Python's ways to put values into a text. */
final class PyFormat {
  private static final Pattern PERCENT = Pattern.compile("%([-0+ ]*)(\\d*)(?:\\.(\\d+))?(.)");
  private static final Pattern BRACES = Pattern.compile("\\{\\{|\\}\\}|\\{(\\w*)\\}");

  private PyFormat() {}

  /** {@code text % values}, with %s, %d, %i, %f, %x and %%. */
  static String percent(String text, Object values) {
    Iterator<?> rest = (values instanceof Tuple tuple ? tuple : List.of(values)).iterator();
    Matcher matcher = PERCENT.matcher(text);
    StringBuilder formatted = new StringBuilder();
    while (matcher.find()) {
      String value = matcher.group(4).equals("%") ? "%" : one(matcher, rest);
      matcher.appendReplacement(formatted, Matcher.quoteReplacement(value));
    }
    return matcher.appendTail(formatted).toString();
  }

  private static String one(Matcher matcher, Iterator<?> values) {
    if (!values.hasNext()) {
      throw new JinjaException("not enough arguments for format string");
    }
    Object value = values.next();
    mustBeNarrow(matcher.group(2));
    mustBeNarrow(matcher.group(3));
    String spec = "%" + matcher.group(1) + matcher.group(2);
    String precision = matcher.group(3) == null ? "" : "." + matcher.group(3);
    return switch (matcher.group(4)) {
      case "s" -> String.format(Locale.ROOT, spec + precision + "s", Values.text(value));
      case "d", "i" -> String.format(Locale.ROOT, spec + "d", number(value).longValue());
      case "x" -> String.format(Locale.ROOT, spec + "x", number(value).longValue());
      case "f" -> String.format(Locale.ROOT, spec + precision + "f", number(value).doubleValue());
      default -> throw new JinjaException("unsupported format %" + matcher.group(4));
    };
  }

  private static void mustBeNarrow(@Nullable String width) {
    if (width != null && width.length() > 4) {
      throw new JinjaException("a format of width " + width + " is out of range");
    }
  }

  private static Number number(Object value) {
    if (Values.isNumber(value)) {
      return Values.number(value);
    }
    throw Values.defined(value, "a number is required, not " + Values.type(value));
  }

  /** {@code text.format(...)}, with {@code {}}, places and names, but no format of their own. */
  static String braces(String text, Arguments args) {
    int[] next = {0};
    return BRACES
        .matcher(text)
        .replaceAll(
            field -> {
              String name = field.group(1);
              Object value =
                  name == null
                      ? field.group().substring(1)
                      : name.isEmpty() || Character.isDigit(name.charAt(0))
                          ? args.get(name.isEmpty() ? next[0]++ : Integer.parseInt(name), name)
                          : new Arguments(List.of(), Map.copyOf(args.named())).get(0, name);
              return Matcher.quoteReplacement(Values.text(value));
            });
  }
}
