package dev.lorikeet.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * Decoders of two layers, 32 wide, with random weights wide enough that attention looks at
 * something.
 */
final class TinyDecoder {
  /** The families, with what makes each its own. */
  static final List<String> FAMILIES =
      List.of(
          "llama",
          "mistral 'sliding_window': 4",
          "qwen2 'use_sliding_window': true, 'sliding_window': 4, 'max_window_layers': 1",
          "qwen3 'head_dim': 16, 'attention_bias': true",
          "gemma2 'head_dim': 8, 'sliding_window': 4, 'attn_logit_softcapping': 1.5",
          "gemma3_text 'head_dim': 8, 'sliding_window': 4, 'sliding_window_pattern': 2",
          "phi3 'sliding_window': 4, 'partial_rotary_factor': 0.5",
          "olmo2",
          "smollm3 'no_rope_layer_interval': 2, 'use_sliding_window': true, 'sliding_window': 4");

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final String SIZES =
      "{'vocab_size': 96, 'hidden_size': 32, 'num_hidden_layers': 2, 'num_attention_heads': 4,"
          + " 'num_key_value_heads': 2, 'intermediate_size': 48, 'max_position_embeddings': 64,"
          + " 'initializer_range': 0.2, 'num_labels': 3, 'pad_token_id': 0}";

  private TinyDecoder() {}

  /** A configuration of one of {@link #FAMILIES}. */
  static ObjectNode config(String family, String head) {
    try {
      ObjectNode config = (ObjectNode) JSON.readTree(SIZES.replace('\'', '"'));
      int end = (family + " ").indexOf(' ');
      config.put("model_type", family.substring(0, end)).putArray("architectures").add(head);
      String own = "{" + family.substring(end).replace('\'', '"') + "}";
      config.setAll((ObjectNode) JSON.readTree(own));
      return config;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Model open(Path folder, String family, String head) {
    return open(folder, family, head, config -> {});
  }

  /** A model, the same for the same family whatever its head. */
  static Model open(Path folder, String family, String head, Consumer<ObjectNode> change) {
    ObjectNode config = config(family, head);
    change.accept(config);
    try {
      Files.writeString(folder.resolve("config.json"), config.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Model.open(folder, ModelOptions.DEFAULT.fromScratch(Initialization.PAPER));
  }
}
