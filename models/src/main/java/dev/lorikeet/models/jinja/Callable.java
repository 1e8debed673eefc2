package dev.lorikeet.models.jinja;

import java.util.List;
import java.util.Map;

/** A function, a method of a value, or a macro. */
@FunctionalInterface
interface Callable {
  Object call(Arguments arguments);

  /** What a call passes. */
  record Arguments(List<Object> positional, Map<String, Object> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    static Arguments of(Object... values) {
      return new Arguments(List.of(values), Map.of());
    }

    boolean has(int place, String name) {
      return place < positional.size() || named.containsKey(name);
    }

    /** The argument at a place or of a name. */
    Object get(int place, String name, Object otherwise) {
      return place < positional.size()
          ? positional.get(place)
          : named.getOrDefault(name, otherwise);
    }

    Object get(int place, String name) {
      Object value = get(place, name, Values.None.NONE);
      if (!has(place, name)) {
        throw new JinjaException("argument '" + name + "' is missing");
      }
      return value;
    }

    String text(int place, String name) {
      Object value = get(place, name);
      if (value instanceof String text) {
        return text;
      }
      throw Values.defined(value, "'" + name + "' must be str, not " + Values.type(value));
    }

    long integer(int place, String name, long otherwise) {
      return Values.integer(get(place, name, otherwise));
    }

    /** Those behind the first {@code count}. */
    Arguments after(int count) {
      return new Arguments(
          positional.subList(Math.min(count, positional.size()), positional.size()), named);
    }
  }
}
