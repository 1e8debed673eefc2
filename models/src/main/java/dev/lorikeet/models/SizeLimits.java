package dev.lorikeet.models;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The sizes that a model can have, by their keys in config.json: at least ten times those of the
 * largest model there is. What lies beyond is a damaged or hostile file, and would be built without
 * end.
 */
final class SizeLimits {
  /** From the least to the most of a size. */
  record Range(int least, int most) {}

  private static final Range LAYERS = new Range(0, 10_000);
  private static final Range HEADS = new Range(1, 100_000);
  private static final Range WIDTH = new Range(1, 1 << 20);
  private static final Range WORDS = new Range(1, 1 << 30);
  private static final Range PIXELS = new Range(1, 1 << 14);

  private static final Map<String, Range> BY_KEY = new HashMap<>();

  static {
    put(LAYERS, "num_hidden_layers", "num_layers", "num_decoder_layers", "n_layer", "n_layers");
    put(HEADS, "num_attention_heads", "num_key_value_heads", "num_heads", "n_head", "n_heads");
    put(WIDTH, "hidden_size", "d_model", "d_kv", "d_ff", "dim", "hidden_dim", "n_embd", "n_inner");
    put(WIDTH, "intermediate_size", "embedding_size", "head_dim", "pooler_hidden_size");
    put(WORDS, "vocab_size");
    put(WIDTH, "num_labels");
    put(PIXELS, "image_size", "patch_size", "num_channels");
    BY_KEY.put("type_vocab_size", new Range(0, WIDTH.most()));
    BY_KEY.put("max_position_embeddings", new Range(1, Integer.MAX_VALUE));
    BY_KEY.put("n_positions", new Range(1, Integer.MAX_VALUE));
  }

  private SizeLimits() {}

  private static void put(Range range, String... keys) {
    List.of(keys).forEach(key -> BY_KEY.put(key, range));
  }

  /** What a key's value must lie in; any int for keys that are no sizes. */
  static Range of(String key) {
    return BY_KEY.getOrDefault(key, new Range(Integer.MIN_VALUE, Integer.MAX_VALUE));
  }
}
