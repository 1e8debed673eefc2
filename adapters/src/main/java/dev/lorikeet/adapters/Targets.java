package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.PythonRegex;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which modules an adapter slips into, by PEFT's rules and one more: every entry must match.
 *
 * <p>A list entry matches a path that equals it or ends with a dot and it. A regular expression,
 * one of Python's, must match the whole path. {@code all-linear} is every linear layer but the
 * head. What {@code exclude_modules} matches is left out, and so is what lies in a module that is
 * saved whole.
 *
 * @param modules entries; one entry {@code all-linear}; or, when {@code regex}, one expression.
 *     Empty for the method's default for the architecture
 * @param regex whether {@code modules} is a regular expression
 * @param exclude likewise, what is left out
 * @param excludeRegex whether {@code exclude} is a regular expression
 * @param layersToTransform the layers to adapt; null or none for all. With list targets only
 * @param layersPattern the name before a layer's number in the path; empty to take the first number
 */
@Setting.Group(value = "Method", isBound = false)
public record Targets(
    @Setting(
            value = "all-linear, names between commas, or a regular expression.",
            key = "target_modules",
            label = "TARGETS")
        List<String> modules,
    boolean regex,
    @Setting(
            value = "Modules that are left out, written likewise.",
            key = "exclude_modules",
            label = "TARGETS")
        List<String> exclude,
    boolean excludeRegex,
    @Setting(
            value = "The numbers of the layers to adapt; unless given, all.",
            flag = Setting.NO_FLAG)
        @Nullable Set<Integer> layersToTransform,
    @Setting(
            value = "The name before a layer's number in a path; unless given, any.",
            flag = Setting.NO_FLAG)
        List<String> layersPattern) {

  /** Every linear layer but the head, as users type it. */
  public static final String ALL_LINEAR = "all-linear";

  /** The names of embeddings that PEFT saves with the adapter. */
  private static final Set<String> EMBEDDINGS = Set.of("embed_tokens", "lm_head");

  private static final Pattern NUMBERED = Pattern.compile(".*?\\.[^.]*\\.(\\d+)\\..*");

  /** A layer's number in a path. */
  private static final Pattern NUMBER = Pattern.compile("\\.(\\d+)(?=\\.)");

  private static final String TARGETS = "target_modules";
  private static final String EXCLUDE = "exclude_modules";
  private static final String LAYERS_PATTERN = "layers_pattern";

  public Targets {
    modules = List.copyOf(modules);
    exclude = List.copyOf(exclude);
    layersPattern = layersPattern.stream().filter(pattern -> !pattern.isEmpty()).toList();
    layersToTransform = layersToTransform == null ? null : Set.copyOf(layersToTransform);
    if (layersToTransform != null && (regex || modules.contains(ALL_LINEAR))) {
      throw new UsageException(
          "layers_to_transform needs target_modules as a list: put the layers into the expression");
    }
    if (modules.contains(ALL_LINEAR) && modules.size() > 1) {
      throw new UsageException(
          "target_modules " + modules + " mixes " + ALL_LINEAR + " with names: use one of them");
    }
    if (!layersPattern.isEmpty() && layersToTransform == null) {
      throw new UsageException(
          "layers_pattern is set without layers_to_transform: name the layers");
    }
    matcher(TARGETS, modules, regex); // throws where there is no such expression
    matcher(EXCLUDE, exclude, excludeRegex);
  }

  /** A list of entries. */
  public static Targets of(String... entries) {
    return new Targets(List.of(entries), false, List.of(), false, null, List.of());
  }

  /** Every linear layer but the head. */
  public static Targets allLinear() {
    return of(ALL_LINEAR);
  }

  /**
   * What users type: {@code all-linear}, names separated by commas, or a regular expression, which
   * is whatever has a character that no path has.
   */
  public static Targets parse(String typed) {
    if (typed.chars().allMatch(c -> Character.isLetterOrDigit(c) || "._-, ".indexOf(c) >= 0)) {
      return of(Arrays.stream(typed.split(",", -1)).map(String::strip).toArray(String[]::new));
    }
    return new Targets(List.of(typed), true, List.of(), false, null, List.of());
  }

  /**
   * These targets, or where they name none, those that PEFT takes for the architecture.
   *
   * @param peftType PEFT's name of the method
   * @throws UsageException when PEFT has none for it either
   */
  public Targets orDefaultsOf(ModelConfig model, String peftType) {
    if (!modules.isEmpty()) {
      return this;
    }
    List<String> defaults = model.defaultTargets(peftType);
    if (defaults.isEmpty()) {
      throw new UsageException(
          "target_modules is missing, and there are no default ones for model_type \""
              + model.modelType()
              + "\": name them, or all-linear");
    }
    return withModules(defaults);
  }

  /**
   * These targets by the names that modules have in memory: an entry that matches none of those but
   * some of those on disk becomes the last names of what it matches, or where these mean more
   * modules, their paths.
   *
   * @param onDisk the path on disk of each path in memory
   */
  Targets inMemory(Map<String, String> onDisk) {
    List<String> renamed = inMemory(TARGETS, modules, regex, onDisk);
    List<String> renamedExclude = inMemory(EXCLUDE, exclude, excludeRegex, onDisk);
    return new Targets(
        renamed,
        regex && renamed.equals(modules),
        renamedExclude,
        excludeRegex && renamedExclude.equals(exclude),
        layersToTransform,
        layersPattern);
  }

  private static List<String> inMemory(
      String key, List<String> entries, boolean regex, Map<String, String> onDisk) {
    Set<String> renamed = new LinkedHashSet<>();
    for (String entry : entries) {
      List<String> alone = List.of(entry);
      Predicate<String> matches = matcher(key, alone, regex);
      boolean known = onDisk.keySet().stream().anyMatch(matches);
      List<String> meant =
          onDisk.entrySet().stream()
              .filter(path -> !known && matches.test(path.getValue()))
              .map(Map.Entry::getKey)
              .toList();
      renamed.addAll(meant.isEmpty() ? alone : shortest(meant, onDisk.keySet()));
    }
    return List.copyOf(renamed);
  }

  /** The last names of paths, where they match no others. */
  private static List<String> shortest(List<String> paths, Collection<String> all) {
    List<String> names =
        paths.stream().map(path -> path.substring(path.lastIndexOf('.') + 1)).distinct().toList();
    List<String> matched = all.stream().filter(path -> isListed(names, path)).toList();
    return matched.equals(paths) ? names : paths;
  }

  /** The same with other entries, or another expression. */
  Targets withModules(List<String> others) {
    return new Targets(others, regex, exclude, excludeRegex, layersToTransform, layersPattern);
  }

  /** These modules exactly, with nothing excluded. */
  public Targets resolved(List<String> paths) {
    return new Targets(paths, false, List.of(), false, null, List.of());
  }

  /**
   * The paths to adapt, in the order given.
   *
   * @param paths of all layers that can be adapted
   * @param saved whether a path lies in a module that is saved whole
   * @param notLinear what {@code all-linear} leaves out: embeddings and the linear layers of the
   *     head
   * @throws UsageException when an entry of targets or exclusions matches no path, naming the
   *     nearest
   */
  public List<String> match(
      Collection<String> paths, Predicate<String> saved, Set<String> notLinear) {
    mustMatch(TARGETS, modules, regex, paths);
    mustMatch(EXCLUDE, exclude, excludeRegex, paths);
    List<String> matched =
        paths.stream()
            .filter(isTarget(notLinear))
            .filter(path -> !excludes(path))
            .filter(path -> !saved.test(path))
            .toList();
    if (matched.isEmpty()) {
      throw new UsageException(
          "target_modules "
              + modules
              + " leave no module to adapt: all that match are excluded, saved whole"
              + " (modules_to_save) or in other layers");
    }
    layersMustMatch(matched);
    return matched;
  }

  private Predicate<String> isTarget(Set<String> notLinear) {
    return modules.contains(ALL_LINEAR)
        ? path -> !notLinear.contains(path)
        : matcher(TARGETS, modules, regex).and(this::inLayers);
  }

  /** A path that is named whole counts whatever its layer. */
  private boolean inLayers(String path) {
    return layersToTransform == null
        || layersToTransform.isEmpty()
        || modules.contains(path)
        || layersToTransform.contains(layer(path));
  }

  /** The number of the layer that a path lies in, or −1. */
  int layer(String path) {
    if (layersPattern.isEmpty()) {
      Matcher matcher = NUMBERED.matcher(path);
      return matcher.matches() ? number(matcher.group(1)) : -1;
    }
    return layersPattern.stream()
        .map(pattern -> layer(pattern, path))
        .filter(layer -> layer >= 0)
        .findFirst()
        .orElse(-1);
  }

  /** The first number in a path that stands behind what a pattern matches, or −1. */
  private static int layer(String pattern, String path) {
    PythonRegex before = PythonRegex.of(LAYERS_PATTERN, pattern, "(?:.*?\\.)?" + pattern);
    return NUMBER
        .matcher(path)
        .results()
        .filter(number -> before.matches(path.substring(0, number.start())))
        .findFirst()
        .map(number -> number(number.group(1)))
        .orElse(-1);
  }

  /** A layer's number, or −1 for one that no model has. */
  private static int number(String digits) {
    return digits.length() > 9 ? -1 : Integer.parseInt(digits);
  }

  private void layersMustMatch(List<String> matched) {
    if (layersToTransform == null) {
      return;
    }
    Set<Integer> found = matched.stream().map(this::layer).collect(Collectors.toSet());
    for (int layer : layersToTransform) {
      if (!found.contains(layer)) {
        throw new UsageException("no module matches layers_to_transform " + layer);
      }
    }
  }

  /** Tells whether a path matches a setting's entries, or its one expression. */
  static Predicate<String> matcher(String key, List<String> entries, boolean regex) {
    return regex ? PythonRegex.of(key, entries.get(0))::matches : path -> isListed(entries, path);
  }

  private static boolean isListed(List<String> entries, String path) {
    return entries.stream().anyMatch(entry -> names(entry, path));
  }

  /** Whether an entry of a list matches a path. */
  static boolean names(String entry, String path) {
    return path.equals(entry) || path.endsWith("." + entry);
  }

  /** Whether {@code exclude_modules} match a path. */
  boolean excludes(String path) {
    return !exclude.isEmpty() && matcher(EXCLUDE, exclude, excludeRegex).test(path);
  }

  private static void mustMatch(
      String key, List<String> entries, boolean regex, Collection<String> paths) {
    for (String entry : entries) {
      if (entry.equals(ALL_LINEAR)) {
        continue;
      }
      if (paths.stream().noneMatch(matcher(key, List.of(entry), regex))) {
        throw noMatch(key, entry, paths);
      }
    }
  }

  /** The error for an entry that matches nothing. */
  public static UsageException noMatch(String key, String entry, Collection<String> paths) {
    Set<String> names = new LinkedHashSet<>();
    for (String path : paths) {
      names.add(path);
      names.add(path.substring(path.lastIndexOf('.') + 1));
    }
    return new UsageException(
        "no module matches "
            + key
            + " entry \""
            + entry
            + "\"; nearest: "
            + String.join(", ", Nearest.of(entry, names, 2)));
  }

  /**
   * The adapted paths whose base's weight PEFT saves too: input and output embeddings under their
   * usual names, where one of these is a target.
   */
  List<String> savedWithBase(Collection<String> adapted) {
    List<String> named = adapted.stream().filter(Targets::isEmbedding).toList();
    return regex || modules.stream().anyMatch(EMBEDDINGS::contains) ? named : List.of();
  }

  /** Whether an entry names a layer as embeddings or output weights usually are called. */
  public boolean haveEmbeddings() {
    return regex
        ? EMBEDDINGS.stream().anyMatch(matcher(TARGETS, modules, true))
        : modules.stream().anyMatch(Targets::isEmbedding);
  }

  /** Whether a path's last name is one that embeddings or output weights usually have. */
  public static boolean isEmbedding(String path) {
    return EMBEDDINGS.contains(path.substring(path.lastIndexOf('.') + 1));
  }

  // ---- adapter_config.json ----

  /** Reads {@code target_modules}, {@code exclude_modules} and what narrows them to layers. */
  public static Targets read(ObjectNode json) {
    JsonNode targets = json.path("target_modules");
    return new Targets(
        texts(targets),
        targets.isTextual() && !targets.asText().equals(ALL_LINEAR),
        texts(json.path("exclude_modules")),
        json.path("exclude_modules").isTextual(),
        layers(json.path("layers_to_transform")),
        texts(json.path("layers_pattern")));
  }

  private static @Nullable Set<Integer> layers(JsonNode value) {
    if (value.isMissingNode() || value.isNull()) {
      return null;
    }
    Set<Integer> layers = new LinkedHashSet<>();
    for (JsonNode layer : value.isArray() ? value : List.of(value)) {
      if (!layer.isInt()) {
        throw new LorikeetException(
            "adapter_config.json: layers_to_transform must be layers' numbers, not " + value);
      }
      layers.add(layer.intValue());
    }
    return layers;
  }

  /** Writes what {@link #read} reads. */
  public void write(ObjectNode json) {
    writeModules(json);
    ArrayNode layers = layersToTransform == null ? null : json.arrayNode();
    if (layers != null && layersToTransform != null) {
      layersToTransform.stream().sorted().forEach(layers::add);
    }
    json.set("layers_to_transform", layers);
    json.set(
        "layers_pattern",
        layersPattern.isEmpty() ? null : json(layersPattern, layersPattern.size() == 1));
  }

  /** Writes {@code target_modules} and {@code exclude_modules} alone. */
  public void writeModules(ObjectNode json) {
    boolean text = regex || modules.equals(List.of(ALL_LINEAR));
    json.set("target_modules", modules.isEmpty() ? null : json(modules, text));
    json.set("exclude_modules", exclude.isEmpty() ? null : json(exclude, excludeRegex));
  }

  private static JsonNode json(List<String> entries, boolean asText) {
    if (asText) {
      return JsonNodeFactory.instance.textNode(entries.get(0));
    }
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    entries.forEach(array::add);
    return array;
  }

  private static List<String> texts(JsonNode node) {
    List<String> texts = new ArrayList<>();
    if (node.isTextual()) {
      texts.add(node.textValue());
    }
    node.forEach(element -> texts.add(element.asText()));
    return texts;
  }
}
