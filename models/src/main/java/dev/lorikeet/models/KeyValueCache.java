package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The keys and values of the tokens that a decoder has read, by layer, so that a new token costs
 * one token's work. While gradients are recorded nothing is added: the tokens of a training pass
 * are not read again.
 *
 * <p>Axes: B batch, H key and value heads, T tokens, d width of a head.
 */
public final class KeyValueCache implements AutoCloseable {
  private final Scope scope = Scope.unbound();
  private final List<KeysValues> layers = new ArrayList<>();
  private final Map<Integer, KeysValues> constant = new HashMap<>();

  /**
   * A layer's keys and values.
   *
   * @param keys [B, H, T, d]
   * @param values [B, H, T, d]
   */
  public record KeysValues(Tensor keys, Tensor values) {}

  /** An empty cache. */
  public KeyValueCache() {}

  /** A cache that starts with learned keys and values, one pair a layer. */
  public static KeyValueCache of(List<KeysValues> prefix) {
    KeyValueCache cache = new KeyValueCache();
    prefix.forEach(layer -> cache.put(cache.layers.size(), layer));
    return cache;
  }

  /** How many tokens the first layer has. */
  public long length() {
    return layers.isEmpty() ? 0 : layers.get(0).keys().size(2);
  }

  /** The layer's keys and values with those of new tokens after them, which are kept. */
  public KeysValues append(int layer, Tensor keys, Tensor values) {
    KeysValues all = new KeysValues(keys, values);
    if (layer < layers.size()) {
      KeysValues old = layers.get(layer);
      all =
          new KeysValues(
              Tensor.cat(List.of(old.keys(), keys), 2),
              Tensor.cat(List.of(old.values(), values), 2));
    }
    if (!GradMode.isEnabled()) {
      put(layer, all);
    }
    return all;
  }

  /**
   * A layer's keys and values of what does not grow, such as the text that an answer is about:
   * computed at the first call and kept.
   */
  public KeysValues once(int layer, Supplier<KeysValues> compute) {
    KeysValues known = constant.get(layer);
    if (known != null) {
      return known;
    }
    KeysValues computed = compute.get();
    if (!GradMode.isEnabled()) {
      constant.put(
          layer,
          new KeysValues(
              scope.adopt(computed.keys().alias()), scope.adopt(computed.values().alias())));
    }
    return computed;
  }

  private void put(int layer, KeysValues entry) {
    KeysValues kept =
        new KeysValues(scope.adopt(entry.keys().alias()), scope.adopt(entry.values().alias()));
    if (layer < layers.size()) {
      KeysValues old = layers.set(layer, kept);
      scope.release(old.keys());
      scope.release(old.values());
    } else {
      layers.add(kept);
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
