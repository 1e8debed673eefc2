package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import java.util.Collection;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where parameters lie in a model, by their names and its architecture's layer pattern. */
final class Layers {
  /** Above all layers: heads, poolers and last norms. */
  static final int TOP = -1;

  /** Of parameters that lie in no layer. */
  static final Layers NONE = of("", List.of());

  private static final Pattern EMBEDDINGS =
      Pattern.compile("(?:^|\\.)(?:\\w*embed\\w*|wte|wpe|shared)(?:\\.|$)");

  private final Pattern numbered;
  private final UnaryOperator<String> inMemory;
  private final int count;

  private Layers(String pattern, UnaryOperator<String> inMemory, Collection<String> names) {
    numbered = Pattern.compile("(?:^|\\.)" + pattern + "\\.(\\d+)(?:\\.|$)");
    this.inMemory = inMemory;
    count = names.stream().mapToInt(name -> number(name).orElse(-1) + 1).max().orElse(0);
  }

  /** The layers of a model. */
  static Layers of(Model model) {
    return new Layers(
        model.config().layerPattern(), model::nameInMemory, model.parameters().keySet());
  }

  /**
   * The layers of parameters.
   *
   * @param pattern the name before a layer's number
   * @param names the parameters', in memory
   */
  static Layers of(String pattern, Collection<String> names) {
    return new Layers(pattern, UnaryOperator.identity(), names);
  }

  private OptionalInt number(String name) {
    Matcher matcher = numbered.matcher(inMemory.apply(name));
    return matcher.find()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
  }

  int count() {
    return count;
  }

  /** The layer of a parameter, from 0; empty where it lies in none. */
  OptionalInt layer(Trainable trainable) {
    return trainable.head() ? OptionalInt.empty() : number(trainable.name());
  }

  boolean isEmbedding(Trainable trainable) {
    return !trainable.head()
        && layer(trainable).isEmpty()
        && EMBEDDINGS.matcher(trainable.name()).find();
  }

  /** The layers above a parameter's: of the embeddings all, of heads {@link #TOP}. */
  int depth(Trainable trainable) {
    if (isEmbedding(trainable)) {
      return count;
    }
    OptionalInt layer = layer(trainable);
    return layer.isPresent() ? count - 1 - layer.getAsInt() : TOP;
  }
}
