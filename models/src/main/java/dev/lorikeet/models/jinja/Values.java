package dev.lorikeet.models.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The values of templates, and what Python's operators do with them: {@link None}, {@link
 * Undefined}, {@code Boolean}, {@code Long}, {@code Double}, {@code String}, {@code List} (also
 * {@link Tuple}), {@code Map} in the order of its entries, {@link Callable}, {@link Namespace}.
 */
final class Values {
  private Values() {}

  /** Python's {@code None}. */
  enum None {
    NONE
  }

  /** What a template asked for and is not there; it may be tested and printed, but not used. */
  record Undefined(String problem) {
    JinjaException failure() {
      return new JinjaException(problem);
    }
  }

  /** A tuple, which prints differently from a list. */
  static final class Tuple extends java.util.AbstractList<Object> {
    private final List<Object> items;

    Tuple(List<Object> items) {
      this.items = List.copyOf(items);
    }

    @Override
    public Object get(int index) {
      return items.get(index);
    }

    @Override
    public int size() {
      return items.size();
    }
  }

  /** What {@code namespace()} makes: attributes that inner blocks may set. */
  record Namespace(Map<String, Object> attributes) {}

  // ---- truth, equality, order ----

  static boolean truth(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    if (value instanceof String text) {
      return !text.isEmpty();
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    return !(value instanceof None || value instanceof Undefined);
  }

  static boolean equal(Object a, Object b) {
    Budget.step();
    if (isNumber(a) && isNumber(b)) {
      return number(a).doubleValue() == number(b).doubleValue();
    }
    if (a instanceof List<?> x && b instanceof List<?> y) {
      return x instanceof Tuple == y instanceof Tuple && equalItems(x, y);
    }
    if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
      return x.keySet().equals(y.keySet())
          && x.entrySet().stream().allMatch(e -> equal(e.getValue(), item(y, e.getKey())));
    }
    return a instanceof Undefined ? b instanceof Undefined : a.equals(b);
  }

  private static boolean equalItems(List<?> x, List<?> y) {
    for (int i = 0; i < Math.min(x.size(), y.size()); i++) {
      if (!equal(x.get(i), y.get(i))) {
        return false;
      }
    }
    return x.size() == y.size();
  }

  private static Object item(Map<?, ?> map, Object key) {
    Object value = map.get(key);
    return value == null ? None.NONE : value;
  }

  static int compare(Object a, Object b) {
    Budget.step();
    if (isNumber(a) && isNumber(b)) {
      return Double.compare(number(a).doubleValue(), number(b).doubleValue());
    }
    if (a instanceof String x && b instanceof String y) {
      return x.compareTo(y);
    }
    if (a instanceof List<?> x && b instanceof List<?> y) {
      for (int i = 0; i < Math.min(x.size(), y.size()); i++) {
        if (!equal(x.get(i), y.get(i))) {
          return compare(x.get(i), y.get(i));
        }
      }
      return Integer.compare(x.size(), y.size());
    }
    throw mismatch("'<'", a, b);
  }

  static boolean contains(Object container, Object item) {
    if (container instanceof String text) {
      if (item instanceof String part) {
        return text.contains(part);
      }
      throw new JinjaException("'in <string>' requires string as left operand, not " + type(item));
    }
    if (container instanceof Map<?, ?> map) {
      return map.containsKey(item);
    }
    return items(container).stream().anyMatch(other -> equal(other, item));
  }

  // ---- numbers ----

  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  /** A number, or a boolean as one. */
  static Number number(Object value) {
    return value instanceof Boolean flag ? (flag ? 1L : 0L) : (Number) value;
  }

  static long integer(Object value) {
    if (isNumber(value) && number(value) instanceof Long integer) {
      return integer;
    }
    throw defined(value, "an integer is needed, not " + type(value));
  }

  static Object add(Object a, Object b) {
    if (a instanceof String x && b instanceof String y) {
      return joined(x, y);
    }
    if (a instanceof List<?> x && b instanceof List<?> y) {
      Budget.steps((long) x.size() + y.size());
      List<Object> all = new ArrayList<>(x);
      all.addAll(y);
      return x instanceof Tuple ? new Tuple(all) : all;
    }
    if (a instanceof String && !(b instanceof Undefined)) {
      throw new JinjaException("can only concatenate str (not \"" + type(b) + "\") to str");
    }
    return arithmetic("+", a, b);
  }

  /** One text behind another. */
  static String joined(String a, String b) {
    Budget.text((double) a.length() + b.length());
    return a + b;
  }

  static Object multiply(Object a, Object b) {
    if (a instanceof String text && isNumber(b)) {
      Budget.text((double) text.length() * Math.max(0, integer(b)));
      return text.isEmpty() ? "" : text.repeat((int) Math.max(0, integer(b)));
    }
    if (a instanceof List<?> list && isNumber(b)) {
      double size = (double) list.size() * Math.max(0, integer(b));
      Budget.steps((long) size);
      int copies = size == 0 ? 0 : Budget.count(integer(b));
      return Collections.nCopies(copies, list).stream()
          .flatMap(List::stream)
          .collect(Collectors.<Object>toList());
    }
    return arithmetic("*", a, b);
  }

  static Object modulo(Object a, Object b) {
    return a instanceof String text ? PyFormat.percent(text, b) : arithmetic("%", a, b);
  }

  /** What an operator makes of two numbers; of integers an integer, but by {@code /}. */
  static Object arithmetic(String operator, Object a, Object b) {
    if (!isNumber(a) || !isNumber(b)) {
      throw mismatch(operator, a, b);
    }
    Number x = number(a);
    Number y = number(b);
    if ("/ // %".contains(operator) && y.doubleValue() == 0) {
      throw new JinjaException("division by zero");
    }
    return x instanceof Long i && y instanceof Long j && !operator.equals("/")
        ? integers(operator, i, j)
        : reals(operator, x.doubleValue(), y.doubleValue());
  }

  private static Object integers(String operator, long a, long b) {
    try {
      return switch (operator) {
        case "+" -> Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        case "*" -> Math.multiplyExact(a, b);
        case "//" -> Math.floorDiv(a, b);
        case "%" -> Math.floorMod(a, b);
        default -> b < 0 ? reals("**", (double) a, (double) b) : (Object) power(a, b);
      };
    } catch (ArithmeticException e) {
      throw new JinjaException(a + " " + operator + " " + b + " is out of range");
    }
  }

  private static long power(long a, long b) {
    if (a >= -1 && a <= 1) {
      return b == 0 ? 1 : a == -1 && b % 2 == 0 ? 1 : a;
    }
    if (b > Long.SIZE) {
      throw new ArithmeticException();
    }
    return BigInteger.valueOf(a).pow((int) b).longValueExact();
  }

  private static Object reals(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - b * Math.floor(a / b);
      default -> Math.pow(a, b);
    };
  }

  private static JinjaException mismatch(String operator, Object a, Object b) {
    for (Object value : List.of(a, b)) {
      if (value instanceof Undefined undefined) {
        return undefined.failure();
      }
    }
    return new JinjaException(
        operator + " is not supported between '" + type(a) + "' and '" + type(b) + "'");
  }

  /** Why a value will not do: what it lacks when it is undefined, else {@code problem}. */
  static JinjaException defined(Object value, String problem) {
    return value instanceof Undefined undefined ? undefined.failure() : new JinjaException(problem);
  }

  // ---- containers ----

  /** What a loop over the value meets: of a dict the keys. */
  static List<Object> items(Object value) {
    if (value instanceof List<?> list) {
      return Collections.unmodifiableList(list);
    }
    if (value instanceof Map<?, ?> map) {
      return new ArrayList<>(map.keySet());
    }
    if (value instanceof String text) {
      Budget.steps(text.length());
      return PyString.characters(text);
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw new JinjaException("'" + type(value) + "' object is not iterable");
  }

  static long length(Object value) {
    if (value instanceof String text) {
      return PyString.length(text);
    }
    if (isNumber(value) || value instanceof None) {
      throw new JinjaException("object of type '" + type(value) + "' has no len()");
    }
    return items(value).size();
  }

  /** {@code value.name}: a method, else an entry. */
  static Object attribute(Object value, String name) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    Callable method = Methods.of(value, name);
    return method != null ? method : entry(value, name);
  }

  /** {@code value[key]}: an entry, else a method. */
  static Object subscript(Object value, Object key) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (isNumber(key) && (value instanceof List<?> || value instanceof String)) {
      List<Object> items = items(value);
      long place = integer(key) < 0 ? integer(key) + items.size() : integer(key);
      return place < 0 || place >= items.size()
          ? new Undefined(kind(value) + " has no element " + integer(key))
          : items.get((int) place);
    }
    Object entry = entry(value, key);
    if (entry instanceof Undefined && key instanceof String name) {
      Callable method = Methods.of(value, name);
      return method == null ? entry : method;
    }
    return entry;
  }

  private static Object entry(Object value, Object key) {
    Object entry = null;
    if (value instanceof Map<?, ?> map) {
      entry = map.get(key);
    } else if (value instanceof Namespace namespace) {
      entry = namespace.attributes().get(key);
    } else if (value instanceof Loop loop) {
      entry = loop.attribute(String.valueOf(key));
    }
    return entry != null ? entry : new Undefined(kind(value) + " has no attribute " + repr(key));
  }

  private static String kind(Object value) {
    return value instanceof None ? "None" : "'" + type(value) + " object'";
  }

  /** {@code value[start:stop:step]}; {@link None} where one is left out. */
  static Object slice(Object value, Object start, Object stop, Object step) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    List<Object> items = items(value);
    Budget.steps(items.size());
    long by = step instanceof None ? 1 : integer(step);
    if (by == 0) {
      throw new JinjaException("slice step cannot be zero");
    }
    int size = items.size();
    long from = bound(start, size, by, by > 0 ? 0 : size - 1L);
    long to = bound(stop, size, by, by > 0 ? size : -1);
    List<Object> sliced = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      sliced.add(items.get((int) i));
    }
    if (value instanceof String) {
      return join("", sliced);
    }
    return value instanceof Tuple ? new Tuple(sliced) : sliced;
  }

  private static long bound(Object bound, int size, long step, long otherwise) {
    if (bound instanceof None) {
      return otherwise;
    }
    long place = integer(bound) < 0 ? integer(bound) + size : integer(bound);
    return step > 0 ? Math.max(0, Math.min(size, place)) : Math.max(-1, Math.min(size - 1L, place));
  }

  // ---- texts ----

  static String join(String separator, List<Object> items) {
    List<String> texts = items.stream().map(Values::text).toList();
    double length = (double) separator.length() * items.size();
    for (String text : texts) {
      length += text.length();
    }
    Budget.text(length);
    return String.join(separator, texts);
  }

  /** {@code str(value)}. */
  static String text(Object value) {
    if (value instanceof String text) {
      return text;
    }
    return value instanceof Undefined ? "" : repr(value);
  }

  /** {@code repr(value)}. */
  static String repr(Object value) {
    Budget.step();
    if (value instanceof String text) {
      return PyString.repr(text);
    }
    if (value instanceof Boolean flag) {
      return flag ? "True" : "False";
    }
    if (value instanceof Double real) {
      return real(real);
    }
    if (value instanceof Tuple tuple) {
      return "(" + reprs(tuple) + (tuple.size() == 1 ? ",)" : ")");
    }
    if (value instanceof List<?> list) {
      return "[" + reprs(list) + "]";
    }
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .map(entry -> joined(repr(entry.getKey()) + ": ", repr(entry.getValue())))
          .collect(Collectors.collectingAndThen(Collectors.toList(), Values::inBraces));
    }
    if (value instanceof None) {
      return "None";
    }
    return value instanceof Undefined ? "Undefined" : String.valueOf(value);
  }

  private static String reprs(List<?> items) {
    return join(", ", items.stream().<Object>map(Values::repr).toList());
  }

  private static String inBraces(List<?> entries) {
    return "{" + join(", ", List.copyOf(entries)) + "}";
  }

  /** {@code repr(float)}: plain between 1e-4 and 1e16, else with an exponent of two digits. */
  static String real(double value) {
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (value == 0 || (exponent >= -4 && exponent < 16)) {
      String plain = value == 0 && 1 / value < 0 ? "-0" : decimal.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String digits = decimal.movePointLeft(exponent).stripTrailingZeros().toPlainString();
    return digits + String.format("e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  /** The name that Python has for a value's type. */
  static String type(Object value) {
    if (value instanceof String) {
      return "str";
    }
    if (value instanceof Boolean) {
      return "bool";
    }
    if (value instanceof Long) {
      return "int";
    }
    if (value instanceof Double) {
      return "float";
    }
    if (value instanceof Tuple) {
      return "tuple";
    }
    if (value instanceof List<?>) {
      return "list";
    }
    if (value instanceof Map<?, ?>) {
      return "dict";
    }
    return value instanceof None ? "NoneType" : "function";
  }
}
