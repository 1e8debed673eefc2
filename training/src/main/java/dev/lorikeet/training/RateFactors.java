package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.regex.Pattern;

/** What {@link RateConfig} makes of a parameter's learning rate. */
final class RateFactors {
  private static final Pattern LORA_B = Pattern.compile("(?:^|\\.)lora_B(?:\\.|$)");
  private static final Pattern LORA_EMBEDDING = Pattern.compile("(?:^|\\.)lora_embedding_[AB]");

  private final RateConfig config;
  private final Layers layers;

  /** A rate and what tells its parameters from others of the same rule; empty for nothing. */
  record Rate(String name, double lr) {}

  /**
   * Factors in a model with these layers.
   *
   * @throws UsageException when a setting changes no parameter's rate
   */
  RateFactors(RateConfig config, List<Trainable> trainables, Layers layers) {
    this.config = config;
    this.layers = layers;
    must(
        config.headLrMultiplier() == 1 || trainables.stream().anyMatch(Trainable::head),
        "head_lr_multiplier is set, but no head is trained: remove it");
    must(
        config.loraplusLrRatio() == null || trainables.stream().anyMatch(RateFactors::isLoraB),
        "loraplus_lr_ratio is set, but no lora_B is trained: use it with method lora");
    must(
        config.layerLrDecay() == 1 || trainables.stream().anyMatch(t -> layers.depth(t) > 0),
        "layer_lr_decay is set, but nothing below the top layer is trained: remove it");
  }

  private static void must(boolean good, String otherwise) {
    if (!good) {
      throw new UsageException(otherwise);
    }
  }

  private static boolean isLoraB(Trainable trainable) {
    return LORA_B.matcher(trainable.name()).find();
  }

  /** The rate of a parameter whose rate would be {@code lr}. */
  Rate of(Trainable trainable, double lr) {
    StringBuilder name = new StringBuilder();
    double rate = lr;
    if (config.layerLrDecay() != 1) {
      int depth = layers.depth(trainable);
      rate *= Math.pow(config.layerLrDecay(), Math.max(0, depth));
      layers.layer(trainable).ifPresent(layer -> name.append(", layer ").append(layer));
      name.append(layers.isEmbedding(trainable) ? ", embeddings" : "");
    }
    if (config.headLrMultiplier() != 1 && trainable.head()) {
      rate *= config.headLrMultiplier();
      name.append(", head");
    }
    if (config.loraplusLrRatio() == null) {
      return new Rate(name.toString(), rate);
    }
    if (LORA_EMBEDDING.matcher(trainable.name()).find()) {
      return new Rate(name + ", LoRA+ embedding", config.loraplusLrEmbedding());
    }
    boolean fast = isLoraB(trainable) || trainable.parameter().original().shape().length == 1;
    return fast
        ? new Rate(name + ", LoRA+", rate * config.loraplusLrRatio())
        : new Rate(name.toString(), rate);
  }
}
