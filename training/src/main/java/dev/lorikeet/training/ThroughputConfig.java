package dev.lorikeet.training;

/**
 * What saves time.
 *
 * @param cacheFeatures where nothing below the head trains, what the head reads is computed once
 *     for all epochs, without dropout
 * @param packing documents of a causal language model lie one after the other in rows of {@code
 *     max_length} tokens, each seeing only itself
 */
public record ThroughputConfig(boolean cacheFeatures, boolean packing) {
  /** Features are kept, documents lie in rows of their own. */
  public static final ThroughputConfig DEFAULT = new ThroughputConfig(true, false);
}
