package dev.lorikeet.adapters;

import dev.lorikeet.models.PythonRegex;
import dev.lorikeet.torch.UsageException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Values for some modules, as in {@code rank_pattern}: the first key counts for which {@code
 * ^(.*\.)?(key)$} matches a module's path.
 */
public final class PathPatterns {
  private PathPatterns() {}

  /**
   * The value for a path, if a key matches it.
   *
   * @param name of the setting, for errors
   */
  public static <T> Optional<T> first(String name, Map<String, T> patterns, String path) {
    return patterns.entrySet().stream()
        .filter(entry -> compile(name, entry.getKey()).matches(path))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  private static PythonRegex compile(String name, String key) {
    return PythonRegex.of(name, key, "(.*\\.)?(" + key + ")");
  }

  /**
   * Checks that all keys are regular expressions of Python's.
   *
   * @param name of the setting, for the error
   * @throws UsageException naming the first that is none
   */
  public static void mustBeExpressions(String name, Collection<String> keys) {
    keys.forEach(key -> compile(name, key));
  }

  /**
   * Checks that every key matches a path.
   *
   * @throws UsageException naming the first that matches none, and the nearest
   */
  public static void mustMatch(String name, Collection<String> keys, List<String> paths) {
    for (String key : keys) {
      if (paths.stream().noneMatch(compile(name, key)::matches)) {
        throw Targets.noMatch(name, key, paths);
      }
    }
  }
}
