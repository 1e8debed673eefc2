package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is told of a run while it goes on.
 *
 * @param steps a line of numbers every so many optimizer steps
 * @param reportTo trackers beside {@code metrics.jsonl}
 * @param dir the folder of TensorBoard's files; null for {@code runs} in the output
 * @param runName what trackers call the run; null for the output's name
 */
public record LoggingConfig(
    int steps, List<ReportTo> reportTo, @Nullable String dir, @Nullable String runName) {
  /** A line every ten steps, in {@code metrics.jsonl} alone. */
  public static final LoggingConfig DEFAULT = new LoggingConfig(10, List.of(), null, null);

  public LoggingConfig {
    reportTo = reportTo.stream().distinct().toList();
    if (steps < 1) {
      throw new UsageException("logging_steps is " + steps + ": it must be at least 1");
    }
  }

  /** Whether a line is due after so many steps; it always is after the run's last. */
  boolean isDue(long step, long totalSteps) {
    return step % steps == 0 || step == totalSteps;
  }
}
