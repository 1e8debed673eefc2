package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/**
 * Biases of attention scores by how far a token lies from the one that looks, one a head (Raffel et
 * al. 2020, arXiv:1910.10683, §2.1).
 *
 * <p>Axes: T tokens that look, S tokens that are looked at, H heads.
 */
final class DistanceBuckets {
  private final Lookup table;
  private final boolean bothWays;
  private final int buckets;
  private final int furthest;

  /**
   * Those at {@code weights}.
   *
   * @param buckets how many there are
   * @param furthest the distance from which all share the last
   * @param heads how many biases a bucket has
   * @param bothWays whether half of the buckets are for tokens that come later
   */
  DistanceBuckets(Weights weights, int buckets, int furthest, int heads, boolean bothWays) {
    table = weights.embedding("relative_attention_bias", buckets, heads);
    this.bothWays = bothWays;
    this.buckets = buckets;
    this.furthest = furthest;
  }

  /** Those of {@code length} tokens, the last of S, to all S: [1, H, length, S]. */
  Tensor biases(long past, Tensor x) {
    int length = Math.toIntExact(x.size(1));
    int all = Math.toIntExact(past) + length;
    long[] ids = new long[length * all];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bucket(i % all - (past + i / all), bothWays, buckets, furthest);
    }
    Tensor biases = table.forward(Tensor.of(ids, length, all).to(x.device())); // [T, S, H]
    return biases.transpose(0, 2).transpose(1, 2).contiguous().unsqueeze(0);
  }

  /**
   * The bucket of a distance: near ones have one each, farther ones share buckets that grow with
   * the logarithm, and all from {@code furthest} on share the last. In float32 as in transformers,
   * since a rounding can decide between two buckets.
   *
   * @param distance from the token that looks to the one looked at, in tokens
   * @param bothWays whether half of the buckets are for tokens that come later
   */
  static long bucket(long distance, boolean bothWays, int buckets, int furthest) {
    int share = bothWays ? buckets / 2 : buckets;
    long first = bothWays && distance > 0 ? share : 0;
    long far = bothWays ? Math.abs(distance) : Math.max(0, -distance);
    int near = share / 2;
    if (far < near) {
      return first + far;
    }
    float log = (float) Math.log((double) ((float) far / near));
    float place = log / (float) Math.log((double) furthest / near) * (share - near);
    return first + Math.min(share - 1, near + (long) place);
  }
}
