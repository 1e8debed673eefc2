package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Which parameters train, and from which step. A frozen one asks autograd for nothing, so that the
 * backward pass ends at the lowest layer that trains.
 */
final class Freezing implements Hook {
  private static final Pattern LORA_A = Pattern.compile("(?:^|\\.)lora_A(?:\\.|$)");

  private final List<Trainable> trained;
  private final List<Trainable> frozen;
  private final Layers layers;
  private final FreezeConfig config;
  private final Map<Trainable, Long> firstSteps = new HashMap<>();

  /**
   * Sorts parameters.
   *
   * @throws UsageException when a setting freezes nothing, or all is frozen
   */
  Freezing(List<Trainable> trainables, Layers layers, FreezeConfig config, long stepsPerEpoch) {
    this.layers = layers;
    this.config = config;
    mustFreeze(trainables, this::isInFirstLayers, config.freezeLayers() > 0, "freeze_layers");
    mustFreeze(trainables, layers::isEmbedding, config.freezeEmbeddings(), "freeze_embeddings");
    mustFreeze(trainables, Freezing::isLoraA, config.loraFa(), "lora_fa");
    frozen = trainables.stream().filter(this::isFrozen).toList();
    trained = trainables.stream().filter(trainable -> !isFrozen(trainable)).toList();
    if (trained.isEmpty() && !frozen.isEmpty()) {
      throw new UsageException("every trainable parameter is frozen: lower freeze_layers");
    }
    long every = config.unfreezeEvery(stepsPerEpoch);
    List<Integer> depths = trained.stream().map(layers::depth).distinct().sorted().toList();
    trained.forEach(t -> firstSteps.put(t, every * depths.indexOf(layers.depth(t))));
  }

  private boolean isInFirstLayers(Trainable trainable) {
    return layers.layer(trainable).orElse(layers.count()) < config.freezeLayers();
  }

  private static boolean isLoraA(Trainable trainable) {
    return LORA_A.matcher(trainable.name()).find();
  }

  private static void mustFreeze(
      List<Trainable> trainables, Predicate<Trainable> which, boolean wanted, String key) {
    if (wanted && trainables.stream().noneMatch(which)) {
      throw new UsageException(key + " freezes nothing: no trainable parameter lies there");
    }
  }

  private boolean isFrozen(Trainable trainable) {
    return isInFirstLayers(trainable)
        || (config.freezeEmbeddings() && layers.isEmbedding(trainable))
        || (config.loraFa() && isLoraA(trainable));
  }

  /** What trains, now or later. */
  List<Trainable> trained() {
    return trained;
  }

  /** What stays as it is. */
  List<Trainable> frozen() {
    return frozen;
  }

  /** The step from which a parameter trains, from 0. */
  long firstStep(Trainable trainable) {
    return Objects.requireNonNull(firstSteps.get(trainable));
  }

  /** Makes trainable what trains at a step, and nothing else. */
  @Override
  public void beforeStep(long step) {
    frozen.forEach(trainable -> trainable.parameter().freeze());
    for (Trainable trainable : trained) {
      if (firstStep(trainable) <= step) {
        trainable.parameter().train();
      } else {
        trainable.parameter().freeze();
      }
    }
  }
}
