package dev.lorikeet.training;

/**
 * What saves time, or memory.
 *
 * @param cacheFeatures where nothing below the head trains, what the head reads is computed once
 *     for all epochs, without dropout
 * @param cacheFrozenLayers where nothing of the first layers trains, what the layer above them
 *     reads is computed once for all epochs, without dropout
 * @param packing documents of a causal language model lie one after the other in rows of {@code
 *     max_length} tokens, each seeing only itself
 * @param gradientCheckpointing activations are kept of one layer at a time, and those of the others
 *     computed again when their gradients are due (Chen et al. 2016, arXiv:1604.06174)
 */
public record ThroughputConfig(
    boolean cacheFeatures,
    boolean cacheFrozenLayers,
    boolean packing,
    boolean gradientCheckpointing) {
  /** Features are kept, documents lie in rows of their own, all activations are kept. */
  public static final ThroughputConfig DEFAULT = new ThroughputConfig(true, false, false, false);
}
