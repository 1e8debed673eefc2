package dev.lorikeet.training;

import java.util.List;

/** Arrays of numbers that came in parts. */
final class Floats {
  private Floats() {}

  static float[] concatenate(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
