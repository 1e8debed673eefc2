package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Layers whose tokens see only so many tokens, themselves and those just before (Beltagy et al.
 * 2020, arXiv:2004.05150, §3.1).
 *
 * @param tokens how many; 0 when no layer has a window
 * @param layers those with a window
 */
record SlidingWindow(int tokens, Set<Integer> layers) {
  static final SlidingWindow NONE = new SlidingWindow(0, Set.of());

  private static final String SLIDING = "sliding_attention";
  private static final String FULL = "full_attention";

  SlidingWindow {
    layers = Set.copyOf(layers);
  }

  /**
   * The windows of {@code sliding_window} and {@code layer_types}.
   *
   * @param count the number of layers
   * @param otherwise {@code sliding_window} where config.json lacks it; written null is none
   * @param slides which layers have a window where config.json has no {@code layer_types}
   */
  static SlidingWindow of(
      ModelConfig json, int count, @Nullable Integer otherwise, IntPredicate slides) {
    Integer tokens = tokens(json, otherwise);
    Set<Integer> layers = new HashSet<>();
    for (int layer = 0; layer < count; layer++) {
      if (json.has("layer_types") ? isSliding(json, layer, count) : slides.test(layer)) {
        layers.add(layer);
      }
    }
    if (layers.isEmpty()) {
      return NONE;
    }
    if (tokens == null || tokens < 1) {
      throw new LorikeetException(
          json.place() + ": layers slide, but sliding_window is " + json.get("sliding_window"));
    }
    return new SlidingWindow(tokens, layers);
  }

  /** The window of {@code sliding_window} in all of {@code count} layers. */
  static SlidingWindow everywhere(ModelConfig json, int count, @Nullable Integer otherwise) {
    Integer tokens = tokens(json, otherwise);
    return tokens == null
        ? NONE
        : new SlidingWindow(tokens, IntStream.range(0, count).boxed().collect(Collectors.toSet()));
  }

  private static @Nullable Integer tokens(ModelConfig json, @Nullable Integer otherwise) {
    if (json.get("sliding_window").isMissingNode()) {
      return otherwise;
    }
    return json.has("sliding_window") ? json.integer("sliding_window") : null;
  }

  private static boolean isSliding(ModelConfig json, int layer, int count) {
    JsonNode types = json.get("layer_types");
    String type = types.path(layer).asText();
    if (types.size() != count || !(type.equals(SLIDING) || type.equals(FULL))) {
      throw new LorikeetException(
          json.place()
              + ": layer_types must be "
              + count
              + " times "
              + FULL
              + " or "
              + SLIDING
              + ", and is "
              + types);
    }
    return type.equals(SLIDING);
  }

  boolean isAt(int layer) {
    return layers.contains(layer);
  }
}
