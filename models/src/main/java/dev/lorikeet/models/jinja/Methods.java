package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Values.None;
import dev.lorikeet.models.jinja.Values.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Python's methods of strings, lists and dicts, as far as they change nothing. */
final class Methods {
  private Methods() {}

  /** A value's method of that name, or null when it has none. */
  static @Nullable Callable of(Object value, String name) {
    if (value instanceof String text) {
      return ofText(text, name);
    }
    if (value instanceof Map<?, ?> map) {
      return ofMap(map, name);
    }
    return value instanceof List<?> list ? ofList(list, name) : null;
  }

  private static @Nullable Callable ofMap(Map<?, ?> map, String name) {
    return switch (name) {
      case "items" -> args -> entries(map);
      case "keys" -> args -> new ArrayList<Object>(map.keySet());
      case "values" -> args -> new ArrayList<Object>(map.values());
      case "get" ->
          args -> {
            Object value = map.get(args.get(0, "key"));
            return value == null ? args.get(1, "default", None.NONE) : value;
          };
      default -> null;
    };
  }

  /** The entries of a dict as pairs. */
  static List<Object> entries(Map<?, ?> map) {
    List<Object> entries = new ArrayList<>();
    map.forEach((key, value) -> entries.add(new Tuple(List.of(key, value))));
    return entries;
  }

  private static @Nullable Callable ofList(List<?> list, String name) {
    return switch (name) {
      case "count" -> args -> list.stream().filter(i -> Values.equal(i, args.get(0, "x"))).count();
      case "index" ->
          args -> {
            for (int i = 0; i < list.size(); i++) {
              if (Values.equal(list.get(i), args.get(0, "x"))) {
                return (long) i;
              }
            }
            throw new JinjaException(Values.repr(args.get(0, "x")) + " is not in list");
          };
      default -> null;
    };
  }

  private static @Nullable Callable ofText(String text, String name) {
    return switch (name) {
      case "strip" -> args -> PyString.lstrip(PyString.rstrip(text, goes(args)), goes(args));
      case "lstrip" -> args -> PyString.lstrip(text, goes(args));
      case "rstrip" -> args -> PyString.rstrip(text, goes(args));
      case "split" -> args -> split(text, args);
      case "rsplit" ->
          args -> PyString.rsplit(text, args.text(0, "sep"), args.integer(1, "maxsplit", -1));
      case "splitlines" -> args -> PyString.lines(text);
      case "partition" ->
          args -> parted(text, args.text(0, "sep"), text.indexOf(args.text(0, "sep")));
      case "startswith" -> args -> any(args.get(0, "prefix"), text, String::startsWith);
      case "endswith" -> args -> any(args.get(0, "suffix"), text, String::endsWith);
      case "removeprefix" ->
          args ->
              text.startsWith(args.text(0, "prefix"))
                  ? text.substring(args.text(0, "prefix").length())
                  : text;
      case "removesuffix" ->
          args ->
              text.endsWith(args.text(0, "suffix"))
                  ? text.substring(0, text.length() - args.text(0, "suffix").length())
                  : text;
      case "replace" -> args -> replace(text, args);
      case "upper" -> args -> text.toUpperCase(Locale.ROOT);
      case "lower" -> args -> text.toLowerCase(Locale.ROOT);
      case "title" -> args -> PyString.title(text);
      case "capitalize" -> args -> PyString.capitalize(text);
      case "join" -> args -> Values.join(text, Values.items(args.get(0, "iterable")));
      case "find" -> args -> place(text, text.indexOf(args.text(0, "sub")));
      case "rfind" -> args -> place(text, text.lastIndexOf(args.text(0, "sub")));
      case "count" -> args -> PyString.count(text, args.text(0, "sub"));
      case "format" -> args -> PyFormat.braces(text, args);
      case "isspace" -> args -> all(text, PyString::isSpace);
      case "isdigit" -> args -> all(text, Character::isDigit);
      case "isalpha" -> args -> all(text, Character::isLetter);
      case "isalnum" -> args -> all(text, Character::isLetterOrDigit);
      default -> null;
    };
  }

  private static IntPredicate goes(Arguments args) {
    if (args.get(0, "chars", None.NONE) instanceof None) {
      return PyString::isSpace;
    }
    String characters = args.text(0, "chars");
    return c -> characters.indexOf(c) >= 0;
  }

  private static Object split(String text, Arguments args) {
    long limit = args.integer(1, "maxsplit", -1);
    return args.get(0, "sep", None.NONE) instanceof None
        ? PyString.words(text, limit)
        : PyString.split(text, args.text(0, "sep"), limit);
  }

  private static Object parted(String text, String separator, int at) {
    return new Tuple(
        at < 0
            ? List.of(text, "", "")
            : List.of(text.substring(0, at), separator, text.substring(at + separator.length())));
  }

  private static Object any(Object parts, String text, BiPredicate<String, String> test) {
    List<Object> all = parts instanceof Tuple tuple ? tuple : List.of(parts);
    return all.stream().anyMatch(part -> test.test(text, Arguments.of(part).text(0, "prefix")));
  }

  static String replace(String text, Arguments args) {
    String old = args.text(0, "old");
    String other = args.text(1, "new");
    long limit =
        args.get(2, "count", None.NONE) instanceof None ? -1 : args.integer(2, "count", -1);
    Budget.text((text.length() + 1.0) * (old.isEmpty() ? other.length() + 1.0 : 1));
    return old.isEmpty()
        ? text.replace(old, other)
        : Values.join(other, PyString.split(text, old, limit));
  }

  private static long place(String text, int index) {
    return index < 0 ? -1 : text.codePointCount(0, index);
  }

  private static boolean all(String text, IntPredicate test) {
    return !text.isEmpty() && text.codePoints().allMatch(test);
  }
}
