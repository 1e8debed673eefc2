package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Tokens whose embeddings are trained, all others staying as they are; {@code
 * trainable_token_indices} in adapter_config.json.
 *
 * @param rows the ids by the embedding's name, which a path ends with; under the empty name those
 *     of the model's input embedding
 */
public record TrainableTokens(Map<String, List<Integer>> rows) {
  private static final String KEY = "trainable_token_indices";
  private static final String INPUT = "";

  /** No tokens. */
  public static final TrainableTokens NONE = new TrainableTokens(Map.of());

  public TrainableTokens {
    Map<String, List<Integer>> copy = new LinkedHashMap<>();
    rows.forEach((name, ids) -> copy.put(name, List.copyOf(ids)));
    for (List<Integer> ids : copy.values()) {
      if (ids.isEmpty() || new HashSet<>(ids).size() < ids.size()) {
        throw new UsageException(KEY + " " + ids + " must name tokens, each once");
      }
    }
    rows = Collections.unmodifiableMap(copy);
  }

  /** Tokens of the model's input embedding. */
  public static TrainableTokens of(List<Integer> ids) {
    return ids.isEmpty() ? NONE : new TrainableTokens(Map.of(INPUT, ids));
  }

  public boolean isEmpty() {
    return rows.isEmpty();
  }

  /**
   * The ids by path.
   *
   * @param embeddings all paths of embeddings, the input embedding first
   * @throws UsageException when a name matches none
   */
  Map<String, List<Integer>> byPath(Collection<String> embeddings) {
    Map<String, List<Integer>> byPath = new LinkedHashMap<>();
    rows.forEach(
        (name, ids) ->
            byPath.put(
                embeddings.stream()
                    .filter(path -> path.endsWith(name))
                    .findFirst()
                    .orElseThrow(() -> Targets.noMatch(KEY, name, embeddings)),
                ids));
    return byPath;
  }

  // ---- adapter_config.json ----

  /** Reads a list of ids, or lists by name. */
  public static TrainableTokens read(ObjectNode json) {
    JsonNode value = json.path(KEY);
    Map<String, List<Integer>> rows = new LinkedHashMap<>();
    value.properties().forEach(entry -> rows.put(entry.getKey(), ids(entry.getValue())));
    if (value.isArray()) {
      rows.put(INPUT, ids(value));
    } else if (!value.isObject() && !value.isNull() && !value.isMissingNode()) {
      throw wrong(value);
    }
    return new TrainableTokens(rows);
  }

  private static List<Integer> ids(JsonNode value) {
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : value) {
      if (!id.isInt()) {
        throw wrong(value);
      }
      ids.add(id.intValue());
    }
    return ids;
  }

  private static LorikeetException wrong(JsonNode value) {
    return new LorikeetException(
        "adapter_config.json: "
            + KEY
            + " must be a list of token ids or lists by name, not "
            + value);
  }

  /** Writes what {@link #read} reads. */
  public void write(ObjectNode json) {
    if (rows.isEmpty()) {
      json.putNull(KEY);
      return;
    }
    List<Integer> ofInput = rows.get(INPUT);
    if (ofInput != null) {
      write(json.putArray(KEY), ofInput);
    } else {
      ObjectNode byName = json.putObject(KEY);
      rows.forEach((name, ids) -> write(byName.putArray(name), ids));
    }
  }

  private static void write(ArrayNode array, List<Integer> ids) {
    ids.forEach(array::add);
  }
}
