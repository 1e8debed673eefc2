package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.Example;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * BERT of two layers, 32 wide, as recorded with transformers, and a tokenizer of 96 words for it:
 * {@code w5} to {@code w95}, and the special ones.
 */
final class TinyModel {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> SPECIAL = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

  private TinyModel() {}

  /** What was recorded with transformers and PEFT. */
  static Path golden(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(TinyModel.class.getResource("/golden/" + name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Writes the whole checkpoint. */
  static Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(golden("bert-classify-lora").resolve(file), folder.resolve(file));
    }
    JSON.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer());
    return folder;
  }

  private static ObjectNode tokenizer() throws IOException {
    ObjectNode json =
        (ObjectNode)
            JSON.readTree(
                """
                {"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
                 "pre_tokenizer": {"type": "WhitespaceSplit"},
                 "post_processor": {
                   "type": "TemplateProcessing",
                   "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                              {"Sequence": {"id": "A", "type_id": 0}},
                              {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                   "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                            {"Sequence": {"id": "A", "type_id": 0}},
                            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                            {"Sequence": {"id": "B", "type_id": 1}},
                            {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                   "special_tokens": {
                     "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                     "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
                 "decoder": null}
                """);
    ObjectNode vocabulary =
        json.putObject("model")
            .put("type", "WordLevel")
            .put("unk_token", "[UNK]")
            .putObject("vocab");
    for (int id = 0; id < 96; id++) {
      vocabulary.put(id < SPECIAL.size() ? SPECIAL.get(id) : "w" + id, id);
    }
    for (int id = 0; id < SPECIAL.size(); id++) {
      json.withArray("added_tokens")
          .addObject()
          .put("id", id)
          .put("content", SPECIAL.get(id))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    return json;
  }

  /** Twelve texts of different lengths; even words mean one label, odd ones the other. */
  static List<Example> examples() {
    return List.of(
        Example.of("w6 w8", "even"),
        Example.of("w10 w12 w14", "even"),
        Example.of("w16", "even"),
        Example.of("w18 w20 w6 w8", "even"),
        Example.of("w22 w24 w26 w28 w30", "even"),
        Example.of("w32 w34", "even"),
        Example.of("w7 w9", "odd"),
        Example.of("w11 w13 w15", "odd"),
        Example.of("w17", "odd"),
        Example.of("w19 w21 w7 w9", "odd"),
        Example.of("w23 w25 w27 w29 w31", "odd"),
        Example.of("w33 w35", "odd"));
  }
}
