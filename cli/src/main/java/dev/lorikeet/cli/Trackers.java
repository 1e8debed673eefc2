package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.LoggingConfig;
import dev.lorikeet.training.ReportTo;
import dev.lorikeet.training.tracking.JsonlMetrics;
import dev.lorikeet.training.tracking.MetricsPlot;
import dev.lorikeet.training.tracking.Mlflow;
import dev.lorikeet.training.tracking.TensorBoard;
import dev.lorikeet.training.tracking.Tracker;
import dev.lorikeet.training.tracking.Tracking;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The trackers that a recipe asks for. */
final class Trackers {
  private Trackers() {}

  /** Of a run whose result goes to a folder. */
  static Tracking of(Recipe recipe, Path output, Consumer<String> warn) {
    LoggingConfig logging = recipe.config().training().logging();
    return of(recipe, name(logging, output), output, events(logging, output), warn);
  }

  /**
   * Of one of a comparison's runs: the fine-tuned one's files are in the output itself, others' in
   * folders of their names. Without an output there are only those that go elsewhere.
   */
  static Tracking ofCompared(Recipe recipe, String run, Consumer<String> warn) {
    LoggingConfig logging = recipe.config().training().logging();
    Path output = recipe.output();
    Path events = events(logging, output);
    return of(
        recipe,
        name(logging, output == null ? Path.of("compare") : output) + " " + run,
        output == null || run.equals(CompareCommand.FINE_TUNED) ? output : output.resolve(run),
        events == null ? null : events.resolve(run),
        warn);
  }

  private static String name(LoggingConfig logging, Path output) {
    String named = logging.runName();
    return named == null ? output.toAbsolutePath().normalize().getFileName().toString() : named;
  }

  private static @Nullable Path events(LoggingConfig logging, @Nullable Path output) {
    String dir = logging.dir();
    if (dir != null) {
      return Path.of(dir);
    }
    return output == null ? null : output.resolve("runs");
  }

  private static Tracking of(
      Recipe recipe,
      String name,
      @Nullable Path folder,
      @Nullable Path events,
      Consumer<String> warn) {
    ObjectNode settings = recipe.json();
    List<Tracker> trackers = new ArrayList<>();
    if (folder != null) {
      trackers.add(new JsonlMetrics(folder));
      trackers.add(new MetricsPlot(folder));
    }
    for (ReportTo asked : recipe.config().training().logging().reportTo()) {
      trackers.add(
          switch (asked) {
            case TENSORBOARD -> tensorBoard(events, settings);
            case MLFLOW -> Mlflow.open(name, folder, settings, System.getenv());
          });
    }
    return new Tracking(trackers, warn);
  }

  private static Tracker tensorBoard(@Nullable Path events, ObjectNode settings) {
    if (events == null) {
      throw new UsageException(
          "report_to tensorboard needs a folder for its files: give --output or --logging-dir");
    }
    return new TensorBoard(events, settings, InstantSource.system());
  }
}
