package dev.lorikeet.training;

import java.util.Collection;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where parameters lie in a model, by their names: the first number in a path is the layer. */
final class Layers {
  /** Above all layers: heads, poolers and last norms. */
  static final int TOP = -1;

  private static final Pattern NUMBER = Pattern.compile("(?:^|\\.)(\\d+)(?:\\.|$)");
  private static final Pattern EMBEDDINGS =
      Pattern.compile("(?:^|\\.)(?:\\w*embed\\w*|wte|wpe|shared)(?:\\.|$)");

  private final int count;

  private Layers(int count) {
    this.count = count;
  }

  /** The layers of a model with parameters of these names. */
  static Layers of(Collection<String> names) {
    return new Layers(names.stream().mapToInt(name -> number(name).orElse(-1) + 1).max().orElse(0));
  }

  private static OptionalInt number(String name) {
    Matcher matcher = NUMBER.matcher(name);
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
