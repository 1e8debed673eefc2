package dev.lorikeet.models.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * What a tokenizer.json must be for the tokenizers library (0.21 and 0.22) to read it and any text
 * without a panic, which would end the process. What the library refuses by itself is left to it.
 */
public final class TokenizerCheck {
  /** Its own reader stops at 128. */
  private static final int DEEPEST = 100;

  /** Unigram's trie is freed by recursion, one call a byte. */
  private static final int LONGEST_TOKEN = 2_000;

  private static final int MOST_GROWTH = 10_000;

  private final JsonNode json;
  private final Set<Integer> ids = new HashSet<>();

  private TokenizerCheck(JsonNode json) {
    this.json = json;
  }

  /**
   * Checks a tokenizer.
   *
   * @param json the content of a tokenizer.json
   * @param place what messages call it
   * @throws LorikeetException when the library would not survive it
   */
  public static void check(JsonNode json, String place) {
    if (!json.isObject()) {
      throw new LorikeetException(place + " cannot be read: it is not a JSON object");
    }
    try {
      new TokenizerCheck(json).check();
    } catch (LorikeetException e) {
      throw new LorikeetException(
          place + ": " + e.getMessage() + ": take the file from the model again", e);
    }
  }

  private void check() {
    mustBeReadable(json, 0);
    model(json.path("model"));
    addedTokens(json.path("added_tokens"));
    for (String part : new String[] {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
      try {
        walk(json.path(part));
      } catch (LorikeetException e) {
        throw new LorikeetException(part + ": " + e.getMessage(), e);
      }
    }
    if (growth(json.path("normalizer")) > MOST_GROWTH) {
      throw new LorikeetException(
          "normalizer: it makes texts more than " + MOST_GROWTH + " times as long");
    }
    templateMustBeLast(json.path("post_processor"));
    for (JsonNode type : json.path("post_processor").findValues("type_id")) {
      if (!type.canConvertToInt()) {
        throw new LorikeetException("post_processor: " + type + " is no type of a token");
      }
    }
  }

  private static void mustBeReadable(JsonNode node, int depth) {
    if (depth > DEEPEST) {
      throw new LorikeetException("it is nested more than " + DEEPEST + " deep");
    }
    if (node.isTextual()) {
      mustBeText(node.textValue());
    }
    node.fieldNames().forEachRemaining(TokenizerCheck::mustBeText);
    for (JsonNode child : node) {
      mustBeReadable(child, depth + 1);
    }
  }

  /** Half of a surrogate pair has no UTF-8. */
  private static void mustBeText(String text) {
    boolean broken = text.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF);
    if (broken) {
      throw new LorikeetException("it holds half a surrogate pair");
    }
  }

  // ---- the vocabulary ----

  private void model(JsonNode model) {
    JsonNode vocabulary = model.path("vocab");
    vocabulary.properties().forEach(token -> id(token.getKey(), token.getValue()));
    for (int i = 0; vocabulary.isArray() && i < vocabulary.size(); i++) {
      ids.add(i);
      mustBeShort(vocabulary.path(i).path(0).asText());
    }
    String prefix = model.path("continuing_subword_prefix").asText("");
    if (!prefix.isEmpty() && !prefix.equals("null")) {
      model.path("merges").forEach(merge -> mustContinue(merge, prefix));
    }
  }

  private void id(String token, JsonNode id) {
    if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
      throw new LorikeetException(
          "token \"" + token + "\" has id " + id + ", which is no number from 0 to 2147483647");
    }
    ids.add(id.intValue());
  }

  private static void mustBeShort(String token) {
    int bytes = token.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > LONGEST_TOKEN) {
      throw new LorikeetException(
          "a token has " + bytes + " bytes, at most " + LONGEST_TOKEN + " are read");
    }
  }

  /** The library cuts the prefix off a merge's second part without looking. */
  private static void mustContinue(JsonNode merge, String prefix) {
    String text = merge.asText();
    String second =
        merge.isArray() ? merge.path(1).asText() : text.substring(text.lastIndexOf(' ') + 1);
    if (!second.startsWith(prefix)) {
      throw new LorikeetException(
          "merge " + merge + " does not go on with continuing_subword_prefix \"" + prefix + "\"");
    }
  }

  /**
   * A token that swallows the spaces behind it may leave another, which begins with one, to end
   * before it begins.
   */
  private void addedTokens(JsonNode tokens) {
    boolean swallows = false;
    boolean beginsWithSpace = false;
    for (JsonNode token : tokens) {
      String content = token.path("content").asText();
      id(content, token.path("id"));
      swallows |= token.path("rstrip").asBoolean();
      beginsWithSpace |= !content.isEmpty() && !content.stripLeading().equals(content);
    }
    if (swallows && beginsWithSpace) {
      throw new LorikeetException(
          "added_tokens: one token has rstrip and another begins with a space, which cannot be told"
              + " apart");
    }
  }

  // ---- the steps ----

  /** Looks at every step, however nested, by its own keys: the library does not need their type. */
  private void walk(JsonNode node) {
    if (node.path("precompiled_charsmap").isTextual()) {
      CharsMap.check(node.path("precompiled_charsmap").textValue());
    } else if (node.path("type").asText().equals("Precompiled")) {
      throw new LorikeetException("Precompiled has no precompiled_charsmap");
    }
    if (node.path("pattern").path("Regex").isTextual()) {
      PatternCost.check(node.path("pattern").path("Regex").textValue());
    }
    if (node.path("prepend").isTextual() && node.path("prepend").textValue().isEmpty()) {
      throw new LorikeetException("Prepend prepends nothing");
    }
    if (node.path("stop").asLong() > 0 && node.has("content")) {
      throw new LorikeetException("Strip strips the ends of tokens, which is not supported");
    }
    if (node.has("single") || node.has("pair")) {
      template(node);
    }
    for (String edge : new String[] {"sep", "cls"}) {
      if (node.path(edge).isArray()) {
        mustBeKnown(node.path(edge).path(1));
      }
    }
    for (JsonNode child : node) {
      if (child.isContainerNode()) {
        walk(child);
      }
    }
  }

  private void template(JsonNode template) {
    for (JsonNode token : template.path("special_tokens")) {
      if (token.path("ids").size() != token.path("tokens").size()) {
        throw new LorikeetException(
            "special token "
                + token.path("id")
                + " has "
                + token.path("ids").size()
                + " ids and "
                + token.path("tokens").size()
                + " tokens");
      }
      token.path("ids").forEach(this::mustBeKnown);
    }
    for (JsonNode piece : template.path("single")) {
      piece(piece, template, false);
    }
    for (JsonNode piece : template.path("pair")) {
      piece(piece, template, true);
    }
  }

  private static void piece(JsonNode piece, JsonNode template, boolean ofPair) {
    JsonNode token = piece.path("SpecialToken");
    if (token.isObject() && !template.path("special_tokens").has(token.path("id").asText())) {
      throw new LorikeetException(
          "its template names the token " + token.path("id") + ", which special_tokens lacks");
    }
    if (!ofPair && piece.path("Sequence").path("id").asText().equals("B")) {
      throw new LorikeetException("its template of one text asks for a second");
    }
  }

  private void mustBeKnown(JsonNode id) {
    if (!id.isIntegralNumber() || !id.canConvertToInt() || !ids.contains(id.intValue())) {
      throw new LorikeetException("it writes token " + id + ", which the vocabulary lacks");
    }
  }

  /** How much longer replacements make a text, at most. */
  private static double growth(JsonNode node) {
    double growth = node.has("pattern") ? 1 + node.path("content").asText().length() : 1;
    for (JsonNode child : node) {
      growth *= child.isContainerNode() ? growth(child) : 1;
    }
    return growth;
  }

  /** A template makes one text of two, which no other step expects. */
  private static void templateMustBeLast(JsonNode processor) {
    boolean template = false;
    for (JsonNode step : processor.path("processors")) {
      if (template) {
        throw new LorikeetException("post_processor: a template is not its last step");
      }
      template = step.has("single") || step.has("processors");
      templateMustBeLast(step);
    }
  }
}
