package dev.lorikeet.cli;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Paths of modules for people: {@code model.layers.0.self_attn.q_proj} to {@code ….29…} are {@code
 * q_proj layers 0-29}. A name is as long as it takes to tell it from the others.
 */
final class ModulePaths {
  private static final Pattern LAYER = Pattern.compile("(.*?\\.)(\\d+)(\\..*)");

  /** The paths' templates, with a star for the layer's number. */
  private final Map<String, String> names = new LinkedHashMap<>();

  /** Names for some paths among these. */
  ModulePaths(Collection<String> paths) {
    List<String> templates = paths.stream().map(ModulePaths::template).distinct().toList();
    templates.forEach(template -> names.put(template, shortest(template, templates)));
  }

  private static String template(String path) {
    Matcher matcher = LAYER.matcher(path);
    return matcher.matches() ? matcher.group(1) + "*" + matcher.group(3) : path;
  }

  private static String shortest(String template, List<String> all) {
    for (int dot = template.lastIndexOf('.'); dot > 0; dot = template.lastIndexOf('.', dot - 1)) {
      String end = template.substring(dot);
      if (all.stream().filter(other -> ("." + other).endsWith(end)).count() == 1) {
        return end.substring(1);
      }
    }
    return template;
  }

  /** A path's name without its layer. */
  String name(String path) {
    String template = template(path);
    return names.getOrDefault(template, template);
  }

  /** The layers of paths: {@code layer 3}, {@code layers 0-5, 7}; empty where they have none. */
  static String layers(Collection<String> paths) {
    TreeSet<Integer> numbers = new TreeSet<>();
    for (String path : paths) {
      Matcher matcher = LAYER.matcher(path);
      if (matcher.matches()) {
        numbers.add(Integer.parseInt(matcher.group(2)));
      }
    }
    if (numbers.isEmpty()) {
      return "";
    }
    return (numbers.size() == 1 ? "layer " : "layers ") + ranges(List.copyOf(numbers));
  }

  private static String ranges(List<Integer> numbers) {
    List<String> ranges = new ArrayList<>();
    int start = numbers.get(0);
    for (int i = 0; i < numbers.size(); i++) {
      int number = numbers.get(i);
      boolean goesOn = i + 1 < numbers.size() && numbers.get(i + 1) == number + 1;
      if (!goesOn) {
        ranges.add(start == number ? Integer.toString(number) : start + "-" + number);
        start = i + 1 < numbers.size() ? numbers.get(i + 1) : start;
      }
    }
    return String.join(", ", ranges);
  }

  /** Paths in a line: {@code q_proj layers 0-29; classifier}. */
  String line(Collection<String> paths) {
    Map<String, List<String>> byName = new LinkedHashMap<>();
    paths.forEach(path -> byName.computeIfAbsent(name(path), key -> new ArrayList<>()).add(path));
    return byName.entrySet().stream()
        .map(entry -> (entry.getKey() + " " + layers(entry.getValue())).strip())
        .collect(Collectors.joining("; "));
  }
}
