package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A method's settings in adapter_config.json, read key by key; what is missing is a default. */
public record Settings(ObjectNode json) {
  /** What an adapter makes or repeats so often; a damaged file's would never end. */
  private static final Set<String> SIZES =
      Set.of(
          "r",
          "init_r",
          "target_r",
          "rank_pattern",
          "num_virtual_tokens",
          "token_dim",
          "encoder_hidden_size",
          "encoder_num_layers",
          "num_layers",
          "loftq_iter",
          "num_cayley_neumann_terms",
          "num_attention_heads",
          "oft_block_size");

  private static final int MAX_SIZE = 100_000;

  /** A whole number. */
  public int integer(String key, int otherwise) {
    JsonNode value = json.path(key);
    if (isAbsent(value)) {
      return otherwise;
    }
    return integer(key, value);
  }

  private static int integer(String key, JsonNode value) {
    if (!isInt(value)) {
      throw wrong(key, "a whole number", value);
    }
    if (SIZES.contains(key) && value.intValue() > MAX_SIZE) {
      throw wrong(key, "at most " + MAX_SIZE, value);
    }
    return value.intValue();
  }

  /** A whole number of up to 64 bits, as seeds are. */
  public long longInteger(String key, long otherwise) {
    JsonNode value = json.path(key);
    if (isAbsent(value)) {
      return otherwise;
    }
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrong(key, "a whole number", value);
    }
    return value.longValue();
  }

  /** Whether it is a whole number that an int can hold, whatever Jackson holds it in. */
  private static boolean isInt(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToInt();
  }

  public double number(String key, double otherwise) {
    JsonNode value = json.path(key);
    return isAbsent(value) ? otherwise : number(key, value);
  }

  public boolean flag(String key, boolean otherwise) {
    JsonNode value = json.path(key);
    if (isAbsent(value)) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw wrong(key, "true or false", value);
    }
    return value.booleanValue();
  }

  /** A text, a flag's or number's included. */
  public String text(String key, String otherwise) {
    JsonNode value = json.path(key);
    return isAbsent(value) ? otherwise : value.asText();
  }

  /** A list of texts, which may be written as one text; null where it is missing. */
  public @Nullable List<String> texts(String key) {
    JsonNode value = json.path(key);
    if (isAbsent(value)) {
      return null;
    }
    if (value.isTextual()) {
      return List.of(value.textValue());
    }
    List<String> texts = new ArrayList<>();
    value.forEach(element -> texts.add(element.asText()));
    return texts;
  }

  /** {@code modules_to_save}. */
  public List<String> modulesToSave() {
    List<String> modules = texts("modules_to_save");
    return modules == null ? List.of() : modules;
  }

  /** Numbers by path pattern. */
  public Map<String, Double> numbers(String key) {
    Map<String, Double> numbers = new LinkedHashMap<>();
    json.path(key).properties().forEach(e -> numbers.put(e.getKey(), number(key, e.getValue())));
    return numbers;
  }

  /** Whole numbers by path pattern. */
  public Map<String, Integer> integers(String key) {
    Map<String, Integer> integers = new LinkedHashMap<>();
    json.path(key).properties().forEach(e -> integers.put(e.getKey(), integer(key, e.getValue())));
    return integers;
  }

  /**
   * Refuses settings that change the arithmetic and are not built, unless they are off.
   *
   * @throws LorikeetException naming the first of {@code keys} that is on
   */
  public void mustBeOff(String... keys) {
    for (String key : keys) {
      JsonNode value = json.path(key);
      boolean isEmpty = value.isContainerNode() && value.isEmpty();
      if (!isAbsent(value) && !isEmpty && !value.asText().equals("false")) {
        throw new LorikeetException(
            "adapter_config.json: "
                + key
                + " is "
                + value
                + ", which is not supported: the adapter would compute something else");
      }
    }
  }

  /**
   * Refuses a setting that has another value than the one that is built.
   *
   * @throws LorikeetException naming both values
   */
  public void mustBe(String key, String built) {
    String value = text(key, built);
    if (!value.equals(built)) {
      throw new LorikeetException(
          "adapter_config.json: "
              + key
              + " is \""
              + value
              + "\", which is not supported: use \""
              + built
              + "\"");
    }
  }

  private static boolean isAbsent(JsonNode value) {
    return value.isMissingNode() || value.isNull();
  }

  private static double number(String key, JsonNode value) {
    if (!value.isNumber() || !Float.isFinite(value.floatValue())) {
      throw wrong(key, value.isNumber() ? "a number that float32 holds" : "a number", value);
    }
    return value.doubleValue();
  }

  private static LorikeetException wrong(String key, String kind, JsonNode value) {
    return new LorikeetException(
        "adapter_config.json: " + key + " must be " + kind + ", not " + value);
  }

  /**
   * Checks a rank, wherever it comes from.
   *
   * @throws UsageException when it is below 1, or above what any layer has use for
   */
  public static void mustBeRank(String key, int rank) {
    if (rank < 1) {
      throw new UsageException(key + " is " + rank + ": a rank must be at least 1");
    }
    if (rank > MAX_SIZE) {
      throw new UsageException(key + " is " + rank + ": a rank must be at most " + MAX_SIZE);
    }
  }

  // ---- writing ----

  /** Writes whole numbers without a decimal point, as PEFT does for one given so. */
  public static void put(ObjectNode json, String key, double number) {
    if (number == Math.rint(number)) {
      json.put(key, (long) number);
    } else {
      json.put(key, number);
    }
  }

  /** Writes a list, or null for an empty one. */
  public static void put(ObjectNode json, String key, List<String> texts) {
    if (texts.isEmpty()) {
      json.putNull(key);
    } else {
      ArrayNode array = json.putArray(key);
      texts.forEach(array::add);
    }
  }
}
