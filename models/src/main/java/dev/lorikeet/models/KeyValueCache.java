package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The keys and values of the tokens that a decoder has read, by layer, so that a new token costs
 * one token's work.
 *
 * <p>Axes: B batch, H key and value heads, T tokens, d width of a head.
 */
public final class KeyValueCache implements AutoCloseable {
  private static final long FIRST_ROOM = 64;

  private final Scope scope = Scope.unbound();
  private final Map<Integer, KeysValues> constant = new HashMap<>();
  private final List<KeysValues> prefix;
  private final boolean keeps;
  private final List<Layer> layers = new ArrayList<>();

  /**
   * A layer's keys and values.
   *
   * @param keys [B, T, H, d]
   * @param values [B, T, H, d]
   */
  public record KeysValues(Tensor keys, Tensor values) {}

  /** An empty cache, for passes that record no gradients. */
  public KeyValueCache() {
    this(List.of(), true);
  }

  private KeyValueCache(List<KeysValues> prefix, boolean keeps) {
    this.prefix = prefix;
    this.keeps = keeps;
  }

  /**
   * Learned keys and values that stand before all tokens, one pair a layer. The tokens of a pass
   * are not kept, and gradients reach the prefix.
   */
  public static KeyValueCache ofPrefix(List<KeysValues> prefix) {
    return new KeyValueCache(List.copyOf(prefix), false);
  }

  /** How many tokens the first layer has. */
  public long length() {
    if (!keeps) {
      return prefix.get(0).keys().size(1);
    }
    return layers.isEmpty() ? 0 : layers.get(0).length;
  }

  /**
   * The layer's keys and values with those of new tokens after them, which are kept.
   *
   * @param keys [B, T, H, d]
   * @param values [B, T, H, d]
   * @return all; views that change with the cache
   */
  public KeysValues append(int layer, Tensor keys, Tensor values) {
    if (!keeps) {
      KeysValues before = prefix.get(layer);
      return new KeysValues(
          Tensor.cat(List.of(before.keys().to(keys.dtype()), keys), 1),
          Tensor.cat(List.of(before.values().to(values.dtype()), values), 1));
    }
    if (layer == layers.size()) {
      layers.add(new Layer());
    }
    return layers.get(layer).append(keys, values);
  }

  /**
   * A layer's keys and values of what does not grow, such as the text that an answer is about:
   * computed at the first call and kept.
   */
  public KeysValues once(int layer, Supplier<KeysValues> compute) {
    if (!keeps) {
      return compute.get();
    }
    return constant.computeIfAbsent(
        layer,
        index -> {
          KeysValues computed = compute.get();
          return new KeysValues(
              scope.adopt(computed.keys().alias()), scope.adopt(computed.values().alias()));
        });
  }

  /** Buffers with room for more tokens than there are: a new one is written, nothing is moved. */
  private final class Layer {
    private @Nullable KeysValues buffers;
    private long length;

    KeysValues append(Tensor keys, Tensor values) {
      long tokens = keys.size(1);
      KeysValues all = write(withRoom(keys, length + tokens), keys, values, length);
      length += tokens;
      return all;
    }

    private static KeysValues write(KeysValues room, Tensor keys, Tensor values, long start) {
      List<Tensor> all = Ops.appendInPlace(room.keys(), room.values(), keys, values, start);
      return new KeysValues(all.get(0), all.get(1));
    }

    private KeysValues withRoom(Tensor like, long tokens) {
      KeysValues old = buffers;
      if (old != null && old.keys().size(1) >= tokens) {
        return old;
      }
      long room = Math.max(FIRST_ROOM, tokens + tokens / 2);
      KeysValues larger = new KeysValues(buffer(like, room), buffer(like, room));
      if (old != null) {
        write(larger, old.keys().narrow(1, 0, length), old.values().narrow(1, 0, length), 0);
        scope.release(old.keys());
        scope.release(old.values());
      }
      buffers = larger;
      return larger;
    }

    private Tensor buffer(Tensor like, long room) {
      return scope.adopt(
          Tensor.zeros(
              like.dtype(), like.device(), like.size(0), room, like.size(2), like.size(3)));
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
