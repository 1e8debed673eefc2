package dev.lorikeet.adapters;

import dev.lorikeet.torch.UsageException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Values for some modules, as in {@code rank_pattern}: the first key counts for which {@code
 * ^(.*\.)?(key)$} matches a module's path.
 */
public final class PathPatterns {
  private PathPatterns() {}

  /** The value for a path, if a key matches it. */
  public static <T> Optional<T> first(Map<String, T> patterns, String path) {
    return patterns.entrySet().stream()
        .filter(entry -> matches(entry.getKey(), path))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  private static boolean matches(String key, String path) {
    return Pattern.matches("(.*\\.)?(" + key + ")", path);
  }

  /**
   * Checks that all keys are regular expressions.
   *
   * @param name of the setting, for the error
   * @throws UsageException naming the first that is none
   */
  public static void mustBeExpressions(String name, Collection<String> keys) {
    for (String key : keys) {
      try {
        Pattern.compile(key);
      } catch (PatternSyntaxException e) {
        throw new UsageException(
            name + " \"" + key + "\" is not a regular expression: " + e.getDescription());
      }
    }
  }

  /**
   * Checks that every key matches a path.
   *
   * @throws UsageException naming the first that matches none, and the nearest
   */
  public static void mustMatch(String name, Collection<String> keys, List<String> paths) {
    for (String key : keys) {
      if (paths.stream().noneMatch(path -> matches(key, path))) {
        throw Targets.noMatch(name, key, paths);
      }
    }
  }
}
