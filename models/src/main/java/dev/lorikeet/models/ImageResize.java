package dev.lorikeet.models;

/**
 * Resizing as Pillow does it, bit for bit: two passes of a filter, along the rows and then along
 * the columns. Shrinking widens the filter, so that every pixel of the source counts. Weights are
 * fixed point numbers and each pass rounds to whole values from 0 to 255.
 */
enum ImageResize {
  /** A triangle. */
  BILINEAR(1) {
    @Override
    double weight(double x) {
      return x < 1 ? 1 - x : 0;
    }
  },

  /** Keys' cubic with a = −½ (Keys 1981). */
  BICUBIC(2) {
    @Override
    double weight(double x) {
      if (x < 1) {
        return (1.5 * x - 2.5) * x * x + 1;
      }
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    }
  };

  private static final int FRACTION_BITS = 22;

  private final double radius;

  ImageResize(double radius) {
    this.radius = radius;
  }

  /** The filter at a distance from its centre, in pixels, at least 0. */
  abstract double weight(double x);

  /** A picture of another size; the same one where it has that size. */
  Pixels resize(Pixels source, int height, int width) {
    Pixels narrow = width == source.width() ? source : alongRows(source, width);
    return height == source.height() ? narrow : alongRows(narrow.turned(), height).turned();
  }

  private Pixels alongRows(Pixels source, int width) {
    Pixels target = new Pixels(source.channels(), source.height(), width);
    double scale = (double) source.width() / width;
    double stretch = Math.max(scale, 1);
    for (int x = 0; x < width; x++) {
      double centre = (x + 0.5) * scale;
      int first = Math.max(0, (int) (centre - radius * stretch + 0.5));
      int end = Math.min(source.width(), (int) (centre + radius * stretch + 0.5));
      int[] weights = weights(first, end, centre, stretch);
      for (int row = 0; row < source.channels() * source.height(); row++) {
        target.values()[row * width + x] = (byte) sum(source, row, first, weights);
      }
    }
    return target;
  }

  /** The weights of the pixels from {@code first} to before {@code end}, which add up to one. */
  private int[] weights(int first, int end, double centre, double stretch) {
    double[] weights = new double[end - first];
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = weight(Math.abs((first + i - centre + 0.5) / stretch));
      sum += weights[i];
    }
    int[] fixed = new int[weights.length];
    for (int i = 0; i < weights.length; i++) {
      double weight = weights[i] / sum * (1 << FRACTION_BITS);
      fixed[i] = (int) (weight + (weight < 0 ? -0.5 : 0.5));
    }
    return fixed;
  }

  private static int sum(Pixels source, int row, int first, int[] weights) {
    int sum = 1 << (FRACTION_BITS - 1);
    for (int i = 0; i < weights.length; i++) {
      sum += source.value(row * source.width() + first + i) * weights[i];
    }
    return Math.max(0, Math.min(255, sum >> FRACTION_BITS));
  }
}
