package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Values.None;
import dev.lorikeet.models.jinja.Values.Undefined;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** Jinja's filters, as in {@code value | trim}. */
final class Filters {
  private static final Pattern TITLE_WORD = Pattern.compile("[^-\\s({\\[<]+");

  private Filters() {}

  static Map<String, Library.Filter> all() {
    Map<String, Library.Filter> filters = new HashMap<>();
    ofTexts(filters);
    ofLists(filters);
    ofItems(filters);
    ofNumbers(filters);
    filters.put("default", Filters::otherwise);
    filters.put("d", Filters::otherwise);
    filters.put("length", (value, args) -> Values.length(value));
    filters.put("count", (value, args) -> Values.length(value));
    filters.put("tojson", Json::filter);
    return Map.copyOf(filters);
  }

  private static Object otherwise(Object value, Arguments args) {
    boolean falseToo = Values.truth(args.get(1, "boolean", false));
    boolean there = falseToo ? Values.truth(value) : !(value instanceof Undefined);
    return there ? value : args.get(0, "default_value", "");
  }

  // ---- texts ----

  private static void ofTexts(Map<String, Library.Filter> filters) {
    put(filters, "string", text -> text);
    put(filters, "safe", text -> text);
    put(filters, "upper", text -> text.toUpperCase(Locale.ROOT));
    put(filters, "lower", text -> text.toLowerCase(Locale.ROOT));
    put(filters, "capitalize", PyString::capitalize);
    put(filters, "e", Filters::escaped);
    put(filters, "escape", Filters::escaped);
    put(
        filters,
        "title",
        text ->
            TITLE_WORD
                .matcher(text)
                .replaceAll(
                    word ->
                        java.util.regex.Matcher.quoteReplacement(
                            PyString.capitalize(word.group()))));
    filters.put("trim", (value, args) -> method(Values.text(value), "strip", args));
    filters.put("replace", (value, args) -> Methods.replace(Values.text(value), args));
    filters.put("indent", Filters::indented);
    filters.put(
        "format",
        (value, args) -> PyFormat.percent(Values.text(value), new Values.Tuple(args.positional())));
  }

  private static void put(
      Map<String, Library.Filter> filters, String name, UnaryOperator<String> change) {
    filters.put(name, (value, args) -> change.apply(Values.text(value)));
  }

  private static Object method(String text, String name, Arguments args) {
    return ((Callable) Values.attribute(text, name)).call(args);
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace(">", "&gt;")
        .replace("<", "&lt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private static Object indented(Object value, Arguments args) {
    Object width = args.get(0, "width", 4L);
    String indent =
        width instanceof String text ? text : " ".repeat(Budget.count(Values.integer(width)));
    boolean first = Values.truth(args.get(1, "first", false));
    boolean blank = Values.truth(args.get(2, "blank", false));
    StringBuilder indented = new StringBuilder();
    String[] lines = Values.text(value).split("\n", -1);
    Budget.text(Values.text(value).length() + (double) indent.length() * lines.length);
    for (int i = 0; i < lines.length; i++) {
      boolean moves = i == 0 ? first : blank || !lines[i].isEmpty();
      indented.append(i == 0 ? "" : "\n").append(moves ? indent : "").append(lines[i]);
    }
    return indented.toString();
  }

  // ---- lists ----

  private static void ofLists(Map<String, Library.Filter> filters) {
    filters.put("list", (value, args) -> new ArrayList<>(Values.items(value)));
    filters.put("first", (value, args) -> end(Values.items(value), true));
    filters.put("last", (value, args) -> end(Values.items(value), false));
    filters.put("join", Filters::joined);
    filters.put("items", Filters::entries);
    filters.put("unique", (value, args) -> unique(Values.items(value)));
    filters.put("reverse", (value, args) -> reversed(value));
    filters.put("sort", (value, args) -> sorted(Values.items(value), args));
    filters.put("dictsort", (value, args) -> dictsorted(entries(value, args)));
    filters.put("sum", (value, args) -> sum(value, args));
    filters.put("max", (value, args) -> extreme(Values.items(value), Values::compare));
    filters.put(
        "min", (value, args) -> extreme(Values.items(value), (a, b) -> Values.compare(b, a)));
  }

  private static Object end(List<Object> items, boolean first) {
    return items.isEmpty()
        ? new Undefined("no " + (first ? "first" : "last") + " item, sequence was empty")
        : items.get(first ? 0 : items.size() - 1);
  }

  private static Object joined(Object value, Arguments args) {
    String separator = Values.text(args.get(0, "d", ""));
    List<Object> items = new ArrayList<>(Values.items(value));
    if (args.has(1, "attribute")) {
      items.replaceAll(item -> path(item, args.get(1, "attribute")));
    }
    return Values.join(separator, items);
  }

  private static List<Object> entries(Object value, Arguments args) {
    if (value instanceof Map<?, ?> map) {
      return Methods.entries(map);
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw new JinjaException("can only get item pairs from a mapping");
  }

  private static List<Object> unique(List<Object> items) {
    List<Object> unique = new ArrayList<>();
    for (Object item : items) {
      if (unique.stream().noneMatch(other -> Values.equal(folded(other), folded(item)))) {
        unique.add(item);
      }
    }
    return unique;
  }

  private static Object folded(Object value) {
    return value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
  }

  private static Object reversed(Object value) {
    List<Object> items = new ArrayList<>(Values.items(value));
    Collections.reverse(items);
    return value instanceof String ? Values.join("", items) : items;
  }

  private static List<Object> sorted(List<Object> items, Arguments args) {
    boolean exact = Values.truth(args.get(1, "case_sensitive", false));
    Object attribute = args.get(2, "attribute", None.NONE);
    Comparator<Object> order =
        (a, b) -> {
          Object x = attribute instanceof None ? a : path(a, attribute);
          Object y = attribute instanceof None ? b : path(b, attribute);
          return exact ? Values.compare(x, y) : Values.compare(folded(x), folded(y));
        };
    List<Object> sorted = new ArrayList<>(items);
    sorted.sort(Values.truth(args.get(0, "reverse", false)) ? order.reversed() : order);
    return sorted;
  }

  private static List<Object> dictsorted(List<Object> entries) {
    List<Object> sorted = new ArrayList<>(entries);
    sorted.sort(
        (a, b) -> Values.compare(folded(Values.subscript(a, 0L)), folded(Values.subscript(b, 0L))));
    return sorted;
  }

  private static Object sum(Object value, Arguments args) {
    Object sum = args.get(1, "start", 0L);
    for (Object item : Values.items(value)) {
      sum = Values.add(sum, args.has(0, "attribute") ? path(item, args.get(0, "attribute")) : item);
    }
    return sum;
  }

  private static Object extreme(List<Object> items, Comparator<Object> order) {
    return items.isEmpty()
        ? new Undefined("no aggregated item, sequence was empty")
        : items.stream().max(order).orElseThrow();
  }

  // ---- each item ----

  private static void ofItems(Map<String, Library.Filter> filters) {
    filters.put("map", Filters::mapped);
    filters.put("select", (value, args) -> chosen(value, args, false, true));
    filters.put("reject", (value, args) -> chosen(value, args, false, false));
    filters.put("selectattr", (value, args) -> chosen(value, args, true, true));
    filters.put("rejectattr", (value, args) -> chosen(value, args, true, false));
  }

  private static Object mapped(Object value, Arguments args) {
    List<Object> mapped = new ArrayList<>();
    for (Object item : Values.items(value)) {
      if (args.named().containsKey("attribute")) {
        Object found = path(item, args.named().get("attribute"));
        boolean missing = found instanceof Undefined && args.named().containsKey("default");
        mapped.add(missing ? args.named().get("default") : found);
      } else {
        Library.Filter filter = Library.STANDARD.filters().get(args.text(0, "filter"));
        if (filter == null) {
          throw new JinjaException("no filter named '" + args.text(0, "filter") + "'");
        }
        mapped.add(filter.apply(item, args.after(1)));
      }
    }
    return mapped;
  }

  private static Object chosen(Object value, Arguments args, boolean attribute, boolean wanted) {
    int place = attribute ? 1 : 0;
    List<Object> chosen = new ArrayList<>();
    for (Object item : Values.items(value)) {
      Object tested = attribute ? path(item, args.get(0, "attribute")) : item;
      boolean holds =
          args.has(place, "test")
              ? test(args.text(place, "test")).holds(tested, args.after(place + 1))
              : Values.truth(tested);
      if (holds == wanted) {
        chosen.add(item);
      }
    }
    return chosen;
  }

  private static Library.Test test(String name) {
    Library.Test test = Library.STANDARD.tests().get(name);
    if (test == null) {
      throw new JinjaException("no test named '" + name + "'");
    }
    return test;
  }

  /** An item's entry, by a key or by names between dots. */
  private static Object path(Object item, Object attribute) {
    if (!(attribute instanceof String names)) {
      return Values.subscript(item, attribute);
    }
    Object found = item;
    for (String name : names.split("\\.", -1)) {
      boolean number = !name.isEmpty() && name.chars().allMatch(Character::isDigit);
      found = Values.subscript(found, number ? (Object) Long.parseLong(name) : name);
    }
    return found;
  }

  // ---- numbers ----

  private static void ofNumbers(Map<String, Library.Filter> filters) {
    filters.put(
        "abs",
        (value, args) -> Values.compare(value, 0L) < 0 ? Values.arithmetic("-", 0L, value) : value);
    filters.put("round", Filters::rounded);
    filters.put("int", (value, args) -> (long) number(value, args.get(0, "default", 0L)));
    filters.put("float", (value, args) -> number(value, args.get(0, "default", 0.0)));
  }

  private static Object rounded(Object value, Arguments args) {
    RoundingMode mode =
        switch (Values.text(args.get(1, "method", "common"))) {
          case "ceil" -> RoundingMode.CEILING;
          case "floor" -> RoundingMode.FLOOR;
          default -> RoundingMode.HALF_EVEN;
        };
    if (!Values.isNumber(value)) {
      throw Values.defined(value, "a number is needed, not " + Values.type(value));
    }
    return new BigDecimal(Values.number(value).doubleValue())
        .setScale(Math.toIntExact(Math.min(1_000, args.integer(0, "precision", 0))), mode)
        .doubleValue();
  }

  private static double number(Object value, Object otherwise) {
    if (Values.isNumber(value)) {
      return Values.number(value).doubleValue();
    }
    try {
      return Double.parseDouble(PyString.strip(Values.text(value)));
    } catch (NumberFormatException e) {
      return Values.number(otherwise).doubleValue();
    }
  }
}
