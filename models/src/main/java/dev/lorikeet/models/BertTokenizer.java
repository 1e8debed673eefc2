package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import java.util.List;
import java.util.Locale;

/** The tokenizer files of a BERT model, as bert-base-uncased has them. */
final class BertTokenizer {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** In the order of their ids in Google's vocabularies. */
  private static final List<String> SPECIAL_TOKENS =
      List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

  private BertTokenizer() {}

  /**
   * {@code tokenizer.json} of a word-piece vocabulary.
   *
   * @param vocabulary vocab.txt: the token of each id
   * @param place what messages call it
   * @throws LorikeetException when a special token is missing or a token is there twice
   */
  static ObjectNode json(List<String> vocabulary, boolean lowercase, String place) {
    ObjectNode vocab = JSON.createObjectNode();
    for (int id = 0; id < vocabulary.size(); id++) {
      String token = vocabulary.get(id);
      if (vocab.has(token)) {
        throw new LorikeetException(
            place
                + " has \""
                + token
                + "\" in lines "
                + (vocab.path(token).asInt() + 1)
                + " and "
                + (id + 1)
                + ": a token has one id");
      }
      vocab.put(token, id);
    }
    for (String token : SPECIAL_TOKENS) {
      if (!vocab.has(token)) {
        throw new LorikeetException(place + " lacks " + token + ": is it a BERT vocabulary?");
      }
    }
    ObjectNode json = JSON.createObjectNode().put("version", "1.0");
    json.putNull("truncation").putNull("padding");
    json.set("added_tokens", addedTokens(vocab));
    json.putObject("normalizer")
        .put("type", "BertNormalizer")
        .put("clean_text", true)
        .put("handle_chinese_chars", true)
        .putNull("strip_accents") // as lowercase says
        .put("lowercase", lowercase);
    json.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
    json.set("post_processor", template(vocab));
    json.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    json.putObject("model")
        .put("type", "WordPiece")
        .put("unk_token", "[UNK]")
        .put("continuing_subword_prefix", "##")
        .put("max_input_chars_per_word", 100)
        .set("vocab", vocab);
    return json;
  }

  private static ArrayNode addedTokens(ObjectNode vocab) {
    ArrayNode added = JSON.createArrayNode();
    SPECIAL_TOKENS.stream()
        .sorted((a, b) -> Integer.compare(vocab.path(a).asInt(), vocab.path(b).asInt()))
        .forEach(
            token ->
                added
                    .addObject()
                    .put("id", vocab.path(token).asInt())
                    .put("content", token)
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true));
    return added;
  }

  /** [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with the second text's type 1. */
  private static ObjectNode template(ObjectNode vocab) {
    ObjectNode json = JSON.createObjectNode().put("type", "TemplateProcessing");
    ArrayNode single = json.putArray("single");
    special(single, "[CLS]", 0);
    sequence(single, "A", 0);
    special(single, "[SEP]", 0);
    ArrayNode pair = json.putArray("pair").addAll(single.deepCopy());
    sequence(pair, "B", 1);
    special(pair, "[SEP]", 1);
    ObjectNode tokens = json.putObject("special_tokens");
    for (String token : List.of("[CLS]", "[SEP]")) {
      ObjectNode ids = tokens.putObject(token).put("id", token);
      ids.putArray("ids").add(vocab.path(token).asInt());
      ids.putArray("tokens").add(token);
    }
    return json;
  }

  private static void special(ArrayNode pieces, String token, int type) {
    pieces.addObject().putObject("SpecialToken").put("id", token).put("type_id", type);
  }

  private static void sequence(ArrayNode pieces, String text, int type) {
    pieces.addObject().putObject("Sequence").put("id", text).put("type_id", type);
  }

  /** {@code tokenizer_config.json} beside a tokenizer. */
  static ObjectNode config(ObjectNode tokenizer, ObjectNode modelConfig) {
    ObjectNode json = JSON.createObjectNode();
    json.put("clean_up_tokenization_spaces", true);
    json.put("do_lower_case", tokenizer.path("normalizer").path("lowercase").asBoolean(true));
    json.set("model_max_length", modelConfig.path("max_position_embeddings"));
    json.put("tokenizer_class", "BertTokenizer");
    for (String role : List.of("cls", "mask", "pad", "sep", "unk")) {
      JsonNode token = specialToken(tokenizer, "[" + role.toUpperCase(Locale.ROOT) + "]");
      if (token.isObject()) {
        json.set(role + "_token", token.path("content"));
      }
    }
    return json;
  }

  /** The entry of a special token; missing where there is none. */
  static JsonNode specialToken(ObjectNode tokenizer, String content) {
    for (JsonNode token : tokenizer.path("added_tokens")) {
      if (token.path("content").asText().equals(content)) {
        return token;
      }
    }
    return MissingNode.getInstance();
  }
}
