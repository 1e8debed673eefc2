package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;

/**
 * The heads of attention whose query heads share heads of keys and values (Ainslie et al. 2023,
 * arXiv:2305.13245).
 *
 * @param width D, of the model
 * @param queries H, how many heads of queries
 * @param keysValues K, how many heads of keys and of values
 * @param size d, of a head
 */
record GroupedHeads(int width, int queries, int keysValues, int size) {
  GroupedHeads {
    if (size < 1) {
      throw new LorikeetException(
          ("config.json: hidden_size " + width + " has no room for ")
              + (queries + " heads (num_attention_heads): is it from this checkpoint?"));
    }
    if (keysValues < 1 || queries % keysValues != 0) {
      throw new LorikeetException(
          "config.json: num_attention_heads "
              + queries
              + " is no multiple of num_key_value_heads "
              + keysValues
              + ": is it from this checkpoint?");
    }
  }

  /** What config.json says; heads of equal size that share nothing where it says nothing. */
  static GroupedHeads of(ModelConfig json) {
    return of(json, json.integer("num_attention_heads"));
  }

  /** The same with {@code keysValues} heads of keys and values where it says nothing of them. */
  static GroupedHeads of(ModelConfig json, int keysValues) {
    int queries = Math.max(1, json.integer("num_attention_heads"));
    return of(json, keysValues, json.integer("hidden_size") / queries);
  }

  /**
   * What config.json says.
   *
   * @param keysValues K where it says nothing
   * @param size d where it says nothing
   */
  static GroupedHeads of(ModelConfig json, int keysValues, int size) {
    return new GroupedHeads(
        json.integer("hidden_size"),
        json.integer("num_attention_heads"),
        json.integer("num_key_value_heads", keysValues),
        json.integer("head_dim", size));
  }

  /** [B, T, n·d] to [B, T, n, d]. */
  Tensor split(Tensor x) {
    return x.reshape(x.size(0), x.size(1), -1, size);
  }
}
