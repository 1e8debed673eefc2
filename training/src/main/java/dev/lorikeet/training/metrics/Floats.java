package dev.lorikeet.training.metrics;

import java.util.List;

/** Arrays of numbers that came in parts. */
public final class Floats {
  private Floats() {}

  public static float[] concatenate(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
