package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import org.jspecify.annotations.Nullable;

/**
 * Learning rates by where a parameter lies. They multiply the run's rate and that of groups with a
 * multiplier; a group with a rate of its own has just that. Layer i of N has decay^(N − 1 − i), the
 * embeddings decay^N (Howard and Ruder 2018, arXiv:1801.06146, §3.2). In LoRA+, as in PEFT, all
 * vectors have B's rate too.
 */
@Setting.Group("Rates and freezing")
public record RateConfig(
    @Setting(value = "Each layer learns so much slower than the one above it.", label = "FACTOR")
        @Setting.Range(above = 0, atMost = 1)
        double layerLrDecay,
    @Setting(value = "The head's learning rate over the others'.", label = "FACTOR")
        @Setting.Range(above = 0)
        double headLrMultiplier,
    @Setting(
            value = "LoRA+ (arXiv:2402.12354): the rate of lora_B over that of lora_A.",
            label = "RATIO")
        @Setting.Range(above = 0)
        @Nullable Double loraplusLrRatio,
    @Setting(value = "LoRA+: the rate of LoRA on embeddings.", label = "RATE")
        @Setting.Range(above = 0)
        double loraplusLrEmbedding) {
  /** One rate everywhere. */
  public static final RateConfig DEFAULT = new RateConfig(1, 1, null, 1e-6);

  public RateConfig {
    Bounds.check(
        RateConfig.class, layerLrDecay, headLrMultiplier, loraplusLrRatio, loraplusLrEmbedding);
  }
}
