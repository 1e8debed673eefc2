package dev.lorikeet.models.settings;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;

/**
 * How a value stands in a recipe.
 *
 * @param <T> the values
 */
public interface Form<T> {
  /**
   * Reads a value.
   *
   * @param defaults the record that is read over
   * @param otherwise the value where the key is absent
   * @throws dev.lorikeet.torch.UsageException when it is of the wrong kind, naming both
   */
  @Nullable T read(Section section, String key, Record defaults, @Nullable T otherwise);

  /** Writes what {@link #read} reads. */
  void write(ObjectNode json, String key, @Nullable T value);

  /** Completes the JSON schema of a value. */
  void describe(ObjectNode schema);

  /** What stands for a value in help. */
  String label();

  /** Whether a flag is typed as {@code KEY=VALUE}, any number of times. */
  default boolean hasEntries() {
    return false;
  }
}
