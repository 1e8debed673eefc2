package dev.lorikeet.models.settings;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A section of a recipe, read key by key. Values may be typed, as YAML has them, or text, as flags
 * give them. Keys that nobody asked for are errors ({@link #done}).
 */
public final class Section {
  private final String path;
  private final JsonNode json;
  private final Set<String> known = new LinkedHashSet<>();

  private Section(String path, JsonNode json) {
    this.path = path;
    this.json = json;
    if (!json.isObject() && !json.isMissingNode() && !json.isNull()) {
      throw new UsageException("recipe: " + path + " must be a section of keys, not " + json);
    }
  }

  public static Section root(ObjectNode json) {
    return new Section("", json);
  }

  public Section section(String key) {
    return new Section(place(key), get(key));
  }

  public String required(String key, String flag) {
    String text = text(key, null);
    if (text == null) {
      throw new UsageException(
          "recipe: " + place(key) + " is missing: give " + flag + ", or the key in a recipe");
    }
    return text;
  }

  public @Nullable String text(String key, @Nullable String otherwise) {
    JsonNode value = get(key);
    if (value.isContainerNode()) {
      throw wrong(key, "a single value", value);
    }
    return absent(value) ? otherwise : value.asText();
  }

  @Nullable Integer integer(String key, @Nullable Integer otherwise) {
    JsonNode value = get(key);
    return absent(value) ? otherwise : (Integer) integer(key, value);
  }

  public @Nullable Long longInteger(String key, @Nullable Long otherwise) {
    JsonNode value = get(key);
    try {
      return absent(value) ? otherwise : (Long) Long.parseLong(value.asText());
    } catch (NumberFormatException e) {
      throw wrong(key, "a whole number", value);
    }
  }

  @Nullable Double number(String key, @Nullable Double otherwise) {
    JsonNode value = get(key);
    return absent(value) ? otherwise : (Double) number(key, value);
  }

  public @Nullable Boolean flag(String key, @Nullable Boolean otherwise) {
    JsonNode value = get(key);
    if (absent(value)) {
      return otherwise;
    }
    if (value.asText().equals("true") || value.asText().equals("false")) {
      return value.asBoolean();
    }
    throw wrong(key, "true or false", value);
  }

  /** A list, or a text of entries between commas. */
  public List<String> texts(String key) {
    JsonNode value = get(key);
    if (value.isObject()) {
      throw wrong(key, "a list", value);
    }
    if (value.isValueNode() && !absent(value)) {
      return List.of(value.asText().split(",", -1));
    }
    List<String> texts = new ArrayList<>();
    value.forEach(element -> texts.add(element.asText()));
    return texts;
  }

  /** A list of whole numbers, or a text of them between commas. */
  public List<Integer> integers(String key) {
    List<Integer> integers = new ArrayList<>();
    for (String text : texts(key)) {
      try {
        integers.add(Integer.parseInt(text.strip()));
      } catch (NumberFormatException e) {
        throw wrong(key, "a list of whole numbers", get(key));
      }
    }
    return integers;
  }

  /** Whether the key is there, with a value. */
  public boolean has(String key) {
    return !absent(get(key));
  }

  /** Whether the value is a section of keys. */
  public boolean isObject(String key) {
    return get(key).isObject();
  }

  /** Whether the value is a list. */
  public boolean isList(String key) {
    return get(key).isArray();
  }

  /** The values of a section whose keys are the user's own. */
  public Map<String, JsonNode> entries(String key) {
    JsonNode value = get(key);
    if (!value.isObject() && !absent(value)) {
      throw wrong(key, "a section of patterns and values", value);
    }
    Map<String, JsonNode> entries = new LinkedHashMap<>();
    value.properties().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
    return entries;
  }

  /** The whole number that a value is, of the key or below it. */
  public int integer(String key, JsonNode value) {
    try {
      return Integer.parseInt(value.asText());
    } catch (NumberFormatException e) {
      throw wrong(key, "a whole number", value);
    }
  }

  /** The number that a value is, of the key or below it. */
  public double number(String key, JsonNode value) {
    try {
      return Double.parseDouble(value.asText());
    } catch (NumberFormatException e) {
      throw wrong(key, "a number", value);
    }
  }

  /**
   * Ends the reading.
   *
   * @throws UsageException when the section has a key that nobody asked for, naming the nearest
   */
  public void done() {
    done(List.of(this));
  }

  /**
   * {@link #done()} of a recipe's section, whose unknown key may be at home in another.
   *
   * @param sections all of the recipe, each read
   * @throws UsageException when the section has a key that nobody asked for, naming its place, its
   *     own name here, or the nearest
   */
  public void done(List<Section> sections) {
    for (String key : (Iterable<String>) json::fieldNames) {
      if (!known.contains(key)) {
        throw new UsageException(
            "recipe: unknown key \"" + place(key) + "\"; " + meant(key, sections));
      }
    }
  }

  private String meant(String key, List<Section> sections) {
    String own = KnownElsewhere.own(key);
    if (known.contains(own)) {
      return "it is called " + own;
    }
    for (Section section : sections) {
      if (section.known.contains(own)) {
        return section.path.isEmpty()
            ? own + " belongs at the top of a recipe"
            : own + " belongs into the section " + section.path + ": " + section.place(own);
      }
    }
    return "nearest: " + String.join(", ", Nearest.of(key, known, 2));
  }

  /** What stands at a key; a missing node for nothing. */
  public JsonNode get(String key) {
    known.add(key);
    return json.path(key);
  }

  private String place(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private static boolean absent(JsonNode value) {
    return value.isMissingNode() || value.isNull();
  }

  private UsageException wrong(String key, String kind, JsonNode value) {
    return new UsageException("recipe: " + place(key) + " must be " + kind + ", not " + value);
  }
}
