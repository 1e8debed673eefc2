package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrackingTest {
  private final List<String> warnings = new ArrayList<>();

  /** Writes down what it is told; fails from some step on. */
  private static final class Notes implements Tracker {
    private final List<String> told = new ArrayList<>();
    private final long failsAt;

    Notes(long failsAt) {
      this.failsAt = failsAt;
    }

    @Override
    public String name() {
      return "notes";
    }

    @Override
    public void start(long step) {
      told.add("start " + step);
    }

    @Override
    public void record(Measurement measurement) throws IOException {
      if (measurement.step() >= failsAt) {
        throw new IOException("the pencil broke\nin two");
      }
      told.add("step " + measurement.step());
    }

    @Override
    public void end(Outcome outcome) {
      told.add(outcome.name());
    }
  }

  private static Notes steady() {
    return new Notes(Long.MAX_VALUE);
  }

  @Test
  void oneThatFailsIsNamedOnceAndTheOthersGoOn() {
    Notes broken = new Notes(2);
    Notes steady = steady();
    try (Tracking tracking = new Tracking(List.of(broken, steady), warnings::add)) {
      Runs.steps(tracking, 1, 4);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings)
        .containsExactly("warning: notes is left out from here on: the pencil broke");
    assertThat(broken.told).containsExactly("start 0", "step 1");
    assertThat(steady.told)
        .containsExactly("start 0", "step 1", "step 2", "step 3", "step 4", "FINISHED");
  }

  @Test
  void folderThatCannotBeMadeDoesNotEndTheRun(@TempDir Path temporary) throws IOException {
    Path file = Files.createFile(temporary.resolve("file"));
    Tracker metrics = new JsonlMetrics(file.resolve("out"));
    try (Tracking tracking = new Tracking(List.of(metrics), warnings::add)) {
      Runs.steps(tracking, 1, 4);
    }
    assertThat(warnings).hasSize(1);
    assertThat(warnings.get(0)).startsWith("warning: " + file + "/out/metrics.jsonl is left out");
  }

  @Test
  void runThatDoesNotSayHowItEndedFailed() {
    Notes notes = steady();
    try (Tracking tracking = new Tracking(List.of(notes), warnings::add)) {
      Runs.steps(tracking, 1, 1);
    }
    assertThat(notes.told).endsWith("step 1", "FAILED");
  }

  @Test
  void onlyTheFirstEndCounts() {
    Notes notes = steady();
    try (Tracking tracking = new Tracking(List.of(notes), warnings::add)) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.KILLED);
      tracking.logged(Runs.step(2));
      tracking.end(Outcome.FINISHED);
    }
    assertThat(notes.told).containsExactly("start 0", "step 1", "KILLED");
  }

  @Test
  void runThatNeverBeganIsNotTold() {
    Notes notes = steady();
    new Tracking(List.of(notes), warnings::add).close();
    assertThat(notes.told).isEmpty();
  }

  @Test
  void runThatGoesOnSaysFromWhere() {
    Notes notes = steady();
    try (Tracking tracking = new Tracking(List.of(notes), warnings::add)) {
      tracking.resumed(7);
      Runs.steps(tracking, 8, 8);
    }
    assertThat(notes.told).startsWith("start 7", "step 8");
  }
}
