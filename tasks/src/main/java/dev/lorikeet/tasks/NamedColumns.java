package dev.lorikeet.tasks;

import dev.lorikeet.torch.UsageException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The columns that users named, by keys such as {@code text} and {@code messages}.
 *
 * @param names by key
 * @param labels those of the labels; none where nobody named one
 */
public record NamedColumns(Map<String, String> names, List<String> labels) {
  /** The key of labels, and their column where nobody names another. */
  public static final String LABEL = "label";

  public NamedColumns {
    names = new LinkedHashMap<>(names);
    labels = List.copyOf(labels);
  }

  /** Whether a key's column was named. */
  boolean has(String key) {
    return names.containsKey(key);
  }

  /** A key's column, which is called as the key where nobody named another. */
  String name(String key) {
    return names.getOrDefault(key, key);
  }

  /** A key's column, or null where nobody named one. */
  @Nullable String nameOrNull(String key) {
    return names.get(key);
  }

  List<String> labelsOrDefault() {
    return labels.isEmpty() ? List.of(LABEL) : labels;
  }

  /**
   * Checks that a task has a use for all that was named.
   *
   * @throws UsageException naming the first that it has none for
   */
  void mustBeOf(Task task, String... keys) {
    for (String key : names.keySet()) {
      if (!Set.of(keys).contains(key)) {
        throw new UsageException(
            task.id()
                + (" has no use for the " + key + " column")
                + (" \"" + names.get(key) + "\": leave it out"));
      }
    }
  }
}
