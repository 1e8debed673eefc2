package dev.lorikeet.training;

import dev.lorikeet.models.settings.Setting;

/**
 * What saves time, or memory. Packed documents see only themselves; checkpointed activations are
 * kept of one layer at a time (Chen et al. 2016, arXiv:1604.06174).
 */
@Setting.Group("Speed and memory")
public record ThroughputConfig(
    @Setting(
            value =
                "Compute what a frozen trunk gives the head once for all epochs, without dropout.",
            on = true)
        boolean cacheFeatures,
    @Setting("Compute what the first trained layer reads once for all epochs, without dropout.")
        boolean cacheFrozenLayers,
    @Setting("For causal-lm: lay documents one after the other into rows of max_length tokens.")
        boolean packing,
    @Setting("Compute activations again instead of keeping them: less memory, a third more time.")
        boolean gradientCheckpointing) {
  /** Features are kept, documents lie in rows of their own, all activations are kept. */
  public static final ThroughputConfig DEFAULT = new ThroughputConfig(true, false, false, false);
}
