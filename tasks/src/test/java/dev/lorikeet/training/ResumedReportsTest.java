package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.tracking.JsonlMetrics;
import dev.lorikeet.training.tracking.Tracking;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run that goes on reports, beside what it would have reported without interruption. */
class ResumedReportsTest {
  /** Nine steps: a report after every second and the last, an evaluation before the first. */
  private static final TrainingConfig CONFIG =
      ResumeTest.CONFIG.with(
          draft -> {
            draft.logging = new LoggingConfig(2, List.of(), null, null);
            draft.evaluation = draft.evaluation.with(evaluation -> evaluation.evalOnStart = true);
          });

  @TempDir private Path temporary;
  private SavedRuns runs;

  @BeforeEach
  void open() {
    runs = new SavedRuns(temporary);
  }

  private void train(TrainingConfig config, Checkpoints where) {
    try (Tracking tracking =
        new Tracking(
            List.of(new JsonlMetrics(temporary.resolve("out"))),
            warning -> {
              throw new AssertionError(warning);
            })) {
      runs.train(config, SavedRuns.data(), where, tracking);
    }
  }

  private Checkpoints checkpoints() {
    return Checkpoints.in(runs.checkpoints);
  }

  /** The lines of {@code metrics.jsonl}, but for the times. */
  private List<JsonNode> lines() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(temporary.resolve("out/metrics.jsonl"))) {
      ObjectNode json = (ObjectNode) new ObjectMapper().readTree(line);
      lines.add(json.without(List.of("seconds", "eval_seconds", "tokens_per_second")));
    }
    return lines;
  }

  @Test
  void everyStepIsReportedOnceWithTheNumbersOfAWholeRun() throws IOException {
    train(CONFIG, checkpoints());
    List<JsonNode> whole = lines();
    assertThat(whole)
        .extracting(line -> line.path("step").asInt())
        .containsExactly(0, 2, 2, 4, 4, 6, 6, 8, 8, 9, 9);
    assertThat(whole.get(0).path("epoch").asDouble()).isZero();
    for (int step : new int[] {9, 7, 4, 3}) {
      runs.cutAfter(step); // what the file says of later steps is to go
      train(CONFIG, checkpoints().resuming(true));
      assertThat(lines()).as("resumed after step " + step).isEqualTo(whole);
    }
  }

  @Test
  void aRunThatIsStoppedBetweenReportsLosesNoLoss() throws IOException {
    TrainingConfig seldom =
        CONFIG.with(
            draft -> {
              draft.logging = new LoggingConfig(9, List.of(), null, null);
              draft.checkpoint = CheckpointConfig.DEFAULT;
            });
    train(seldom, checkpoints());
    List<JsonNode> whole = lines();
    int[] asked = {0};
    assertThatThrownBy(() -> train(seldom, checkpoints().stoppingWhen(() -> ++asked[0] == 5)))
        .isInstanceOf(RunInterrupted.class);
    assertThat(lines()).extracting(line -> line.path("step").asInt()).containsExactly(0, 2, 4);
    train(seldom, checkpoints().resuming(true));
    assertThat(lines()).isEqualTo(whole);
  }

  @Test
  void logsMayChangeBetweenTwoPartsOfARun() throws IOException {
    train(CONFIG, checkpoints());
    runs.cutAfter(4);
    TrainingConfig often =
        CONFIG.with(draft -> draft.logging = new LoggingConfig(1, List.of(), null, "other"));
    train(often, checkpoints().resuming(true));
    assertThat(lines())
        .filteredOn(line -> line.has("loss"))
        .extracting(line -> line.path("step").asInt())
        .containsExactly(2, 4, 5, 6, 7, 8, 9);
  }

  @Test
  void theStepsBeforeAnEarlyEndAreReported() throws IOException {
    TrainingConfig config =
        CONFIG.with(
            draft -> {
              draft.logging = new LoggingConfig(100, List.of(), null, null);
              draft.evaluation =
                  draft.evaluation.with(
                      evaluation -> {
                        evaluation.earlyStoppingPatience = 1;
                        evaluation.earlyStoppingThreshold = 1e9; // no gain is so great
                      });
            });
    train(config, checkpoints());
    JsonNode last = lines().get(lines().size() - 1);
    assertThat(last.path("step").asInt()).as("the second evaluation").isEqualTo(4);
    assertThat(last.path("epoch").asDouble()).as("seven of five batches").isEqualTo(1.4);
    assertThat(last.path("loss").isNumber()).isTrue();
  }
}
