package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is told of a run while it goes on. */
@Setting.Group("Watching a run")
public record LoggingConfig(
    @Setting(value = "A line of numbers in metrics.jsonl every N steps.", key = "logging_steps")
        @Setting.Range(atLeast = 1)
        int steps,
    @Setting(
            value =
                "Trackers beside metrics.jsonl: tensorboard, mlflow, both with a comma between them, or none.",
            label = "TRACKERS",
            form = ReportTo.Names.class)
        List<ReportTo> reportTo,
    @Setting(
            value = "The folder of TensorBoard's files; unless given, runs in the output.",
            key = "logging_dir",
            label = "DIR")
        @Nullable String dir,
    @Setting(value = "What trackers call the run; unless given, the output's name.", label = "NAME")
        @Nullable String runName) {
  /** A line every ten steps, in {@code metrics.jsonl} alone. */
  public static final LoggingConfig DEFAULT = new LoggingConfig(10, List.of(), null, null);

  public LoggingConfig {
    reportTo = reportTo.stream().distinct().toList();
    Bounds.check(LoggingConfig.class, steps, reportTo, dir, runName);
  }

  /** Whether a line is due after so many steps; it always is after the run's last. */
  boolean isDue(long step, long totalSteps) {
    return step % steps == 0 || step == totalSteps;
  }
}
