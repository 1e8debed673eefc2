package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Values.None;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** {@code tojson} as transformers has it: Python's {@code json.dumps} without any HTML in mind. */
final class Json {
  private final String indent;
  private final String comma;
  private final String colon;
  private final boolean ascii;
  private final boolean sorted;

  private Json(String indent, String comma, String colon, boolean ascii, boolean sorted) {
    this.indent = indent;
    this.comma = comma;
    this.colon = colon;
    this.ascii = ascii;
    this.sorted = sorted;
  }

  /** {@code value | tojson(ensure_ascii, indent, separators, sort_keys)}. */
  static Object filter(Object value, Arguments args) {
    Object indent = args.get(1, "indent", None.NONE);
    Object separators = args.get(2, "separators", None.NONE);
    boolean given = !(separators instanceof None);
    Json json =
        new Json(
            indent instanceof None
                ? ""
                : "\n"
                    + (indent instanceof String text
                        ? text
                        : " ".repeat(Budget.count(Values.integer(indent)))),
            given
                ? Values.text(Values.subscript(separators, 0L))
                : indent instanceof None ? ", " : ",",
            given ? Values.text(Values.subscript(separators, 1L)) : ": ",
            Values.truth(args.get(0, "ensure_ascii", false)),
            Values.truth(args.get(3, "sort_keys", false)));
    StringBuilder written = new StringBuilder();
    json.write(value, 1, written);
    return written.toString();
  }

  private void write(Object value, int depth, StringBuilder to) {
    Budget.step();
    if (value instanceof String text) {
      quote(text, to);
    } else if (value instanceof Map<?, ?> map) {
      entries(map, depth, to);
    } else if (value instanceof List<?> list) {
      items(list, depth, to);
    } else if (value instanceof None) {
      to.append("null");
    } else if (value instanceof Double real && !Double.isFinite(real)) {
      to.append(Double.isNaN(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
    } else if (value instanceof Number) {
      to.append(Values.text(value));
    } else if (value instanceof Boolean) {
      to.append(value);
    } else {
      throw Values.defined(
          value, "Object of type " + Values.type(value) + " is not JSON serializable");
    }
  }

  private void entries(Map<?, ?> map, int depth, StringBuilder to) {
    List<Map.Entry<String, Object>> entries = new ArrayList<>();
    map.forEach(
        (key, value) ->
            entries.add(Map.entry(key instanceof String text ? text : word(key), value)));
    if (sorted) {
      Map<String, Object> inOrder = new TreeMap<>();
      entries.forEach(entry -> inOrder.put(entry.getKey(), entry.getValue()));
      entries.clear();
      entries.addAll(inOrder.entrySet());
    }
    to.append('{');
    for (int i = 0; i < entries.size(); i++) {
      to.append(i == 0 ? "" : comma).append(line(depth));
      quote(entries.get(i).getKey(), to);
      to.append(colon);
      write(entries.get(i).getValue(), depth + 1, to);
    }
    to.append(entries.isEmpty() ? "" : line(depth - 1)).append('}');
  }

  /** A key that is no string, as JSON spells it. */
  private String word(Object key) {
    StringBuilder word = new StringBuilder();
    write(key, 0, word);
    return word.toString();
  }

  private void items(List<?> list, int depth, StringBuilder to) {
    to.append('[');
    for (int i = 0; i < list.size(); i++) {
      to.append(i == 0 ? "" : comma).append(line(depth));
      write(list.get(i), depth + 1, to);
    }
    to.append(list.isEmpty() ? "" : line(depth - 1)).append(']');
  }

  private String line(int depth) {
    Budget.text((double) indent.length() * depth);
    return indent.isEmpty() ? "" : "\n" + indent.substring(1).repeat(depth);
  }

  private void quote(String text, StringBuilder to) {
    Budget.appended(to.length(), text.length());
    to.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int known = "\"\\\n\r\t\b\f".indexOf(c);
      if (known >= 0) {
        to.append('\\').append("\"\\nrtbf".charAt(known));
      } else if (c < 0x20 || (ascii && c > 0x7e)) {
        to.append(String.format("\\u%04x", (int) c));
      } else {
        to.append(c);
      }
    }
    to.append('"');
  }
}
