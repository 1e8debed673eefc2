package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The tokens of a tokenizer with their ids, and which of them have roles. */
final class Vocabulary {
  private final TreeMap<Integer, String> tokens = new TreeMap<>();
  private final Map<String, Integer> ids = new HashMap<>();
  private final Set<Integer> specialIds = new TreeSet<>();
  private final List<JsonNode> roles;

  /**
   * Reads the tokens.
   *
   * @param tokenizer the content of tokenizer.json
   * @param roles those of the files that name tokens by their roles, the first counts first
   */
  Vocabulary(JsonNode tokenizer, List<JsonNode> roles) {
    this.roles = roles;
    JsonNode vocabulary = tokenizer.path("model").path("vocab");
    if (vocabulary.isArray()) {
      // Unigram models: a list of [token, score]
      for (int id = 0; id < vocabulary.size(); id++) {
        add(vocabulary.path(id).path(0).asText(), id);
      }
    } else {
      vocabulary.properties().forEach(token -> add(token.getKey(), token.getValue().intValue()));
    }
    for (JsonNode token : tokenizer.path("added_tokens")) {
      int id = token.path("id").intValue();
      add(token.path("content").asText(), id);
      if (token.path("special").asBoolean()) {
        specialIds.add(id);
      }
    }
  }

  private void add(String token, int id) {
    tokens.put(id, token);
    ids.put(token, id);
  }

  /** One more than the largest id. */
  int size() {
    return tokens.isEmpty() ? 0 : tokens.lastKey() + 1;
  }

  /** The token of an id; null where there is none. */
  @Nullable String token(int id) {
    return tokens.get(id);
  }

  /** The id of a token; null where there is none. */
  @Nullable Integer id(String token) {
    return ids.get(token);
  }

  /** The ids of tokens that no text contains: padding, separators, masks. */
  Set<Integer> specialIds() {
    return Collections.unmodifiableSet(specialIds);
  }

  /**
   * The id of the token with a role: the one that the tokenizer's files name, else one of the usual
   * names; null when there is none.
   */
  @Nullable Integer named(String role, String... usualNames) {
    for (JsonNode file : roles) {
      JsonNode named = file.path(role);
      String token = (named.isObject() ? named.path("content") : named).textValue();
      if (ids.containsKey(token)) {
        return ids.get(token);
      }
    }
    return Arrays.stream(usualNames)
        .filter(ids::containsKey)
        .map(ids::get)
        .filter(specialIds::contains)
        .findFirst()
        .orElse(null);
  }
}
