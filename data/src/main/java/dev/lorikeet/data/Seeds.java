package dev.lorikeet.data;

import java.util.SplittableRandom;

/** Random generators that a seed and a place in the work decide together. */
final class Seeds {
  /** 2^64 divided by the golden ratio: keeps small numbers apart. */
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private Seeds() {}

  /** A generator of its own for each {@code seed} and {@code place}, such as epoch and row. */
  static SplittableRandom random(long seed, long... place) {
    long state = mix(seed);
    for (long step : place) {
      state = mix(state + GOLDEN * (step + 1));
    }
    return new SplittableRandom(state);
  }

  /** David Stafford's Mix13, as in splitmix64: each bit of the input turns half of the output's. */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Shuffles in place (Fisher and Yates 1938, in Durstenfeld's order). */
  static void shuffle(int[] items, SplittableRandom random) {
    for (int i = items.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = items[i];
      items[i] = items[j];
      items[j] = swapped;
    }
  }
}
