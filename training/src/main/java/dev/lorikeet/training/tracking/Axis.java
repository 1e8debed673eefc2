package dev.lorikeet.training.tracking;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One axis of a chart: where a value lies, and which values are marked.
 *
 * @param low the value at the axis's beginning
 * @param high the value at its end, above {@code low}
 * @param from the place of {@code low}, in pixels
 * @param to the place of {@code high}
 */
record Axis(double low, double high, double from, double to) {
  private static final double[] STEPS = {1, 2, 2.5, 5, 10};

  /** An axis that some values fit on with a little room; any values at all where there are none. */
  static Axis around(List<Double> values, double from, double to) {
    double low = values.stream().mapToDouble(v -> v).min().orElse(0);
    double high = values.stream().mapToDouble(v -> v).max().orElse(1);
    double room = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.1, 1e-9);
    return new Axis(low - room, high + room, from, to);
  }

  double place(double value) {
    return from + (value - low) / (high - low) * (to - from);
  }

  /** Round values along the axis, about {@code count} of them. */
  List<Double> ticks(int count) {
    double step = step(count);
    List<Double> ticks = new ArrayList<>();
    for (long i = (long) Math.ceil(low / step); i * step <= high; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** 1, 2, 2.5 or 5 times a power of ten. */
  private double step(int count) {
    double rough = (high - low) / count;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    for (double candidate : STEPS) {
      if (candidate * power >= rough) {
        return candidate * power;
      }
    }
    return 10 * power;
  }

  /** A marked value as it is written: short, and small and large ones with a power of ten. */
  static String label(double value) {
    double size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) {
      return String.format(Locale.ROOT, "%.3e", value)
          .replaceFirst("\\.?0*e", "e")
          .replaceFirst("e([+-])0*", "e$1")
          .replace("e+", "e");
    }
    String text = String.format(Locale.ROOT, "%.5f", value);
    return text.replaceFirst("\\.?0*$", "").replaceFirst("^-0$", "0");
  }
}
