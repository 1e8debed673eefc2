package dev.lorikeet.models.settings;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A choice that a record's other settings depend on, as an optimizer's do on which it is; an enum.
 *
 * @param <R> the record
 */
public interface Kind<R extends Record> {
  /** The name that users type. */
  String id();

  /**
   * The settings that this choice has of those that not all have, with spaces between them: {@code
   * key}, or {@code key=DEFAULT} where that is neither null, zero nor false.
   */
  String settings();

  /** The record's defaults for this choice. */
  R defaults();

  /** The keys of {@link #settings}. */
  default List<String> keys() {
    return List.copyOf(ownDefaults().keySet());
  }

  /** The keys of {@link #settings} with their defaults, which may be empty. */
  default Map<String, String> ownDefaults() {
    Map<String, String> values = new LinkedHashMap<>();
    for (String setting : settings().split(" ", -1)) {
      String[] parts = setting.split("=", 2);
      values.put(parts[0], parts.length == 1 ? "" : parts[1]);
    }
    values.remove("");
    return values;
  }

  /** What to do about a setting that this choice does not have. */
  default String insteadOf(String key) {
    return "it has " + String.join(", ", keys());
  }

  /** Whether this choice has a setting. */
  default boolean has(String key) {
    Object[] all = ((Enum<?>) this).getDeclaringClass().getEnumConstants();
    return keys().contains(key)
        || Arrays.stream(all).noneMatch(other -> ((Kind<?>) other).keys().contains(key));
  }
}
