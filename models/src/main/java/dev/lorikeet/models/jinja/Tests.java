package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Values.None;
import dev.lorikeet.models.jinja.Values.Undefined;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/** Jinja's tests, as in {@code value is string}. */
final class Tests {
  private Tests() {}

  static Map<String, Library.Test> all() {
    Map<String, Library.Test> tests = new HashMap<>();
    kinds().forEach((name, kind) -> tests.put(name, (value, args) -> kind.test(value)));
    comparisons()
        .forEach(
            (name, operator) ->
                tests.put(
                    name,
                    (value, args) ->
                        ExpressionParser.compare(operator, value, args.get(0, "other"))));
    tests.put(
        "divisibleby",
        (value, args) -> Values.integer(value) % Values.integer(args.get(0, "num")) == 0);
    tests.put("sameas", (value, args) -> value.equals(args.get(0, "other")));
    return Map.copyOf(tests);
  }

  private static Map<String, Predicate<Object>> kinds() {
    Map<String, Predicate<Object>> kinds = new HashMap<>();
    kinds.put("defined", value -> !(value instanceof Undefined));
    kinds.put("undefined", value -> value instanceof Undefined);
    kinds.put("none", value -> value instanceof None);
    kinds.put("true", value -> value.equals(true));
    kinds.put("false", value -> value.equals(false));
    kinds.put("boolean", value -> value instanceof Boolean);
    kinds.put("string", value -> value instanceof String);
    kinds.put("number", Values::isNumber);
    kinds.put("integer", value -> value instanceof Long);
    kinds.put("float", value -> value instanceof Double);
    kinds.put("mapping", value -> value instanceof Map<?, ?>);
    kinds.put("sequence", Tests::isSequence);
    kinds.put("iterable", value -> isSequence(value) || value instanceof Undefined);
    kinds.put("callable", value -> value instanceof Callable);
    kinds.put("odd", value -> Values.integer(value) % 2 != 0);
    kinds.put("even", value -> Values.integer(value) % 2 == 0);
    kinds.put("lower", value -> isCase(Values.text(value), true));
    kinds.put("upper", value -> isCase(Values.text(value), false));
    return kinds;
  }

  private static Map<String, String> comparisons() {
    Map<String, String> names = new HashMap<>();
    for (String operator : List.of("==", "!=", "<", "<=", ">", ">=", "in")) {
      names.put(operator, operator);
    }
    names.putAll(Map.of("eq", "==", "equalto", "==", "ne", "!=", "lt", "<", "lessthan", "<"));
    names.putAll(Map.of("le", "<=", "gt", ">", "greaterthan", ">", "ge", ">="));
    return names;
  }

  private static boolean isSequence(Object value) {
    return value instanceof List<?> || value instanceof String || value instanceof Map<?, ?>;
  }

  private static boolean isCase(String text, boolean lower) {
    return text.equals(lower ? text.toLowerCase(Locale.ROOT) : text.toUpperCase(Locale.ROOT))
        && text.codePoints().anyMatch(Character::isLetter);
  }
}
