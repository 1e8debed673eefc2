package dev.lorikeet.models.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a model's tokenizer_config.json says about how texts become tokens, as transformers 5.18
 * reads it: {@code truncation_side}, {@code model_max_length}, {@code model_input_names}, {@code
 * do_lower_case}, {@code strip_accents}, {@code tokenize_chinese_chars}, {@code add_prefix_space},
 * {@code add_bos_token}, {@code add_eos_token}. {@code padding_side} is checked and has no effect:
 * every text is answered as it would be alone, without padding. What cannot be followed is refused.
 */
public final class TokenizerSettings {
  private static final String BACKEND = "TokenizersBackend";

  /** Classes that make BERT's normaliser by their own settings, whatever tokenizer.json says. */
  private static final Set<String> BERT =
      Set.of("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer");

  /** Classes that make GPT-2's pre-tokenizer by their own settings. */
  private static final Set<String> BYTE_LEVEL =
      Set.of("RobertaTokenizer", "GPT2Tokenizer", "DebertaTokenizer", "LongformerTokenizer");

  private static final Set<String> LOWER_CASING =
      Set.of("DebertaV2Tokenizer", "AlbertTokenizer", "MPNetTokenizer");

  private final JsonNode config;
  private final String place;
  private final String tokenizerClass;

  /**
   * Settings.
   *
   * @param config the content of a tokenizer_config.json, or a missing node
   * @param place what messages call it
   * @throws LorikeetException when it is not a JSON object
   */
  public TokenizerSettings(JsonNode config, String place) {
    if (!config.isMissingNode() && !config.isObject()) {
      throw new LorikeetException(place + " is not a JSON object");
    }
    this.config = config;
    this.place = place;
    tokenizerClass = config.path("tokenizer_class").asText(BACKEND).replaceFirst("Fast$", "");
  }

  /**
   * The most tokens of a text, special ones included; {@link Integer#MAX_VALUE} where there is no
   * bound.
   *
   * @throws LorikeetException when it is no number of tokens
   */
  public int modelMaxLength() {
    JsonNode value = config.hasNonNull("model_max_length") ? config.path("model_max_length") : null;
    if (value == null) {
      return Integer.MAX_VALUE;
    }
    if (!value.isNumber() || value.doubleValue() < 1) {
      throw wrong("model_max_length", "a number of tokens", value);
    }
    return (int) Math.min(Integer.MAX_VALUE, value.doubleValue());
  }

  /**
   * Whether texts that are too long lose their beginning instead of their end.
   *
   * @param tokenizer the content of a tokenizer.json, which says it where these settings do not
   * @throws LorikeetException when the side is neither
   */
  public boolean truncatesLeft(JsonNode tokenizer) {
    String direction = tokenizer.path("truncation").path("direction").asText("Right");
    return side("truncation_side", direction.equals("Left") ? "left" : "right").equals("left");
  }

  /** Whether the second text of a pair has token type 1: the model's class takes token types. */
  public boolean tokenTypes() {
    JsonNode names = config.path("model_input_names");
    if (!names.isArray()) {
      return true;
    }
    for (JsonNode name : names) {
      if (name.asText().equals("token_type_ids")) {
        return true;
      }
    }
    return false;
  }

  /**
   * Makes a tokenizer what these settings say.
   *
   * @param tokenizer the content of a tokenizer.json, which is changed
   * @throws LorikeetException when they cannot be followed
   */
  public void applyTo(ObjectNode tokenizer) {
    side("padding_side", "right");
    tokenizer.putNull("truncation").putNull("padding");
    if (flag("split_special_tokens", false)) {
      throw new LorikeetException(
          place + ": split_special_tokens is true, which is not supported: set it to false");
    }
    Map<String, JsonNode> ids = ids(tokenizer);
    mustKnowTokens(ids);
    lowercase(tokenizer);
    prefixSpace(tokenizer);
    if (config.hasNonNull("add_bos_token") || config.hasNonNull("add_eos_token")) {
      tokenizer.set("post_processor", edges(ids));
    }
  }

  // ---- values ----

  private LorikeetException wrong(String key, String expected, JsonNode value) {
    return new LorikeetException(place + ": " + key + " is " + value + ", not " + expected);
  }

  private boolean flag(String key, boolean otherwise) {
    if (!config.hasNonNull(key)) {
      return otherwise;
    }
    if (!config.path(key).isBoolean()) {
      throw wrong(key, "true or false", config.path(key));
    }
    return config.path(key).booleanValue();
  }

  private String side(String key, String otherwise) {
    String side = config.hasNonNull(key) ? config.path(key).asText() : otherwise;
    if (!side.equals("left") && !side.equals("right")) {
      throw wrong(key, "left or right", config.path(key));
    }
    return side;
  }

  // ---- tokens ----

  private static Map<String, JsonNode> ids(ObjectNode tokenizer) {
    Map<String, JsonNode> ids = new HashMap<>();
    tokenizer
        .path("model")
        .path("vocab")
        .properties()
        .forEach(t -> ids.put(t.getKey(), t.getValue()));
    JsonNode vocabulary = tokenizer.path("model").path("vocab");
    for (int i = 0; vocabulary.isArray() && i < vocabulary.size(); i++) {
      ids.put(vocabulary.path(i).path(0).asText(), tokenizer.numberNode(i));
    }
    for (JsonNode token : tokenizer.path("added_tokens")) {
      ids.put(token.path("content").asText(), token.path("id"));
    }
    return ids;
  }

  private static @Nullable String content(JsonNode token) {
    return (token.isObject() ? token.path("content") : token).textValue();
  }

  /** transformers would add tokens that tokenizer.json lacks, and the model has none for them. */
  private void mustKnowTokens(Map<String, JsonNode> ids) {
    for (String key :
        new String[] {
          "added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"
        }) {
      for (JsonNode token : config.path(key)) {
        String content = content(token);
        if (content != null && !content.isEmpty() && !ids.containsKey(content)) {
          throw new LorikeetException(
              place
                  + ": "
                  + key
                  + " has the token \""
                  + content
                  + "\", which tokenizer.json lacks: save the tokenizer again with it"
                  + " (transformers: tokenizer.save_pretrained(folder))");
        }
      }
    }
  }

  // ---- normalisation ----

  private void lowercase(ObjectNode tokenizer) {
    JsonNode normalizer = tokenizer.path("normalizer");
    if (BERT.contains(tokenizerClass)
        && normalizer instanceof ObjectNode bert
        && normalizer.path("type").asText().equals("BertNormalizer")) {
      bert.put("lowercase", flag("do_lower_case", true));
      bert.put("handle_chinese_chars", flag("tokenize_chinese_chars", true));
      if (config.hasNonNull("strip_accents")) {
        bert.put("strip_accents", flag("strip_accents", false));
      } else {
        bert.putNull("strip_accents");
      }
      return;
    }
    boolean lowers = lowers(normalizer);
    boolean decides = BERT.contains(tokenizerClass) || LOWER_CASING.contains(tokenizerClass);
    if (decides && config.hasNonNull("do_lower_case") && flag("do_lower_case", lowers) != lowers) {
      throw new LorikeetException(
          place
              + ": do_lower_case is "
              + !lowers
              + ", but the normalizer of tokenizer.json "
              + (lowers ? "lowers texts" : "does not lower texts")
              + ": make the two agree");
    }
  }

  private static boolean lowers(JsonNode normalizer) {
    boolean lowers =
        normalizer.path("type").asText().equals("Lowercase")
            || normalizer.path("lowercase").asBoolean();
    for (JsonNode step : normalizer.path("normalizers")) {
      lowers |= lowers(step);
    }
    return lowers;
  }

  private void prefixSpace(ObjectNode tokenizer) {
    if (BYTE_LEVEL.contains(tokenizerClass)
        && tokenizer.path("pre_tokenizer") instanceof ObjectNode step
        && step.path("type").asText().equals("ByteLevel")) {
      step.put("add_prefix_space", flag("add_prefix_space", false));
    }
  }

  // ---- tokens that begin and end a text ----

  /** {@code bos A eos}, and {@code bos A eos bos B eos} with the second half's type 1. */
  private ObjectNode edges(Map<String, JsonNode> ids) {
    String begin = flag("add_bos_token", false) ? content(config.path("bos_token")) : null;
    String end = flag("add_eos_token", false) ? content(config.path("eos_token")) : null;
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("type", "TemplateProcessing");
    sequence(json.putArray("single"), begin, "A", 0, end);
    ArrayNode pair = json.putArray("pair");
    sequence(pair, begin, "A", 0, end);
    sequence(pair, begin, "B", 1, end);
    ObjectNode tokens = json.putObject("special_tokens");
    special(tokens, begin, "bos_token", ids);
    special(tokens, end, "eos_token", ids);
    return json;
  }

  private static void sequence(
      ArrayNode pieces, @Nullable String begin, String text, int type, @Nullable String end) {
    if (begin != null) {
      pieces.addObject().putObject("SpecialToken").put("id", begin).put("type_id", type);
    }
    pieces.addObject().putObject("Sequence").put("id", text).put("type_id", type);
    if (end != null) {
      pieces.addObject().putObject("SpecialToken").put("id", end).put("type_id", type);
    }
  }

  private void special(
      ObjectNode tokens, @Nullable String token, String role, Map<String, JsonNode> ids) {
    if (token == null) {
      return;
    }
    JsonNode id = ids.get(token);
    if (id == null) {
      throw new LorikeetException(
          place + ": " + role + " is \"" + token + "\", which tokenizer.json lacks");
    }
    ObjectNode special = tokens.putObject(token).put("id", token);
    special.putArray("ids").add(id);
    special.putArray("tokens").add(token);
  }
}
