package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import org.jspecify.annotations.Nullable;

/**
 * Learning rates by where a parameter lies. They multiply the run's rate and that of groups with a
 * multiplier; a group with a rate of its own has just that.
 *
 * @param layerLrDecay of each layer to the rate of the one above it: layer i of N has decay^(N − 1
 *     − i), the embeddings decay^N (Howard and Ruder 2018, arXiv:1801.06146, §3.2)
 * @param headLrMultiplier of the head
 * @param loraplusLrRatio of LoRA's B to the rate of A (LoRA+, Hayou et al. 2024, arXiv:2402.12354);
 *     null for plain LoRA. As in PEFT, all vectors have B's rate too
 * @param loraplusLrEmbedding the rate of embeddings' A and B in LoRA+
 */
public record RateConfig(
    double layerLrDecay,
    double headLrMultiplier,
    @Nullable Double loraplusLrRatio,
    double loraplusLrEmbedding) {
  /** One rate everywhere. */
  public static final RateConfig DEFAULT = new RateConfig(1, 1, null, 1e-6);

  public RateConfig {
    if (!(layerLrDecay > 0 && layerLrDecay <= 1)) {
      throw new UsageException(
          "layer_lr_decay is " + layerLrDecay + ": it must be above 0 and at most 1");
    }
    mustBePositive("head_lr_multiplier", headLrMultiplier);
    mustBePositive("loraplus_lr_ratio", loraplusLrRatio == null ? 1 : loraplusLrRatio);
    mustBePositive("loraplus_lr_embedding", loraplusLrEmbedding);
  }

  private static void mustBePositive(String key, double value) {
    if (!(value > 0)) {
      throw new UsageException(key + " is " + value + ": it must be above 0");
    }
  }
}
