package dev.lorikeet.models.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Added tokens that a tokenizer looks for in normalised texts. One of which the normaliser leaves
 * nothing is found everywhere, within characters too, where the tokenizers library panics; what is
 * left is asked of the library itself, by a tokenizer of the same normaliser and no vocabulary.
 */
public final class NormalizedTokens {
  private NormalizedTokens() {}

  /**
   * Checks the added tokens.
   *
   * @param tokenizer the content of a tokenizer.json, which {@link TokenizerCheck} accepted
   * @param place what messages call it
   * @throws LorikeetException when one is normalised to nothing
   */
  public static void check(JsonNode tokenizer, String place) {
    List<String> tokens = new ArrayList<>();
    for (JsonNode token : tokenizer.path("added_tokens")) {
      if (token.path("normalized").asBoolean() && !token.path("content").asText().isEmpty()) {
        tokens.add(token.path("content").asText());
      }
    }
    if (tokens.isEmpty() || !tokenizer.path("normalizer").isObject()) {
      return;
    }
    byte[] json = probe(tokenizer.path("normalizer")).toString().getBytes(StandardCharsets.UTF_8);
    try (InputStream bytes = new ByteArrayInputStream(json);
        HuggingFaceTokenizer probe =
            HuggingFaceTokenizer.newInstance(
                bytes, Map.of("truncation", "do_not_truncate", "padding", "do_not_pad"))) {
      for (String token : tokens) {
        if (probe.encode(token).getIds().length == 0) {
          throw new LorikeetException(
              place
                  + ": the normalizer leaves nothing of the added token \""
                  + token
                  + "\": take the file from the model again");
        }
      }
    } catch (LorikeetException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new LorikeetException(place + ": normalizer cannot be read: " + e.getMessage(), e);
    }
  }

  /** Every text is one unknown word, but for an empty one, which is none. */
  private static ObjectNode probe(JsonNode normalizer) {
    ObjectNode probe = JsonNodeFactory.instance.objectNode().put("version", "1.0");
    probe.set("normalizer", normalizer);
    ObjectNode model = probe.putObject("model").put("type", "WordLevel").put("unk_token", "?");
    model.putObject("vocab").put("?", 0);
    return probe;
  }
}
