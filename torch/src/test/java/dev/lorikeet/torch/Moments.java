package dev.lorikeet.torch;

import java.util.DoubleSummaryStatistics;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** What a sample of a distribution looks like. */
record Moments(double least, double greatest, double mean, double deviation) {
  static Moments of(Tensor sample) {
    float[] values = sample.toFloats();
    DoubleSummaryStatistics all = stream(values).summaryStatistics();
    double mean = all.getAverage();
    double variance = stream(values).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
    return new Moments(all.getMin(), all.getMax(), mean, Math.sqrt(variance));
  }

  private static DoubleStream stream(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]);
  }
}
