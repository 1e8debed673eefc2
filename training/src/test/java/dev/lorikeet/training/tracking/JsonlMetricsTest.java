package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.training.StepReport;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonlMetricsTest {
  @TempDir Path temporary;

  private Tracking tracking() {
    return new Tracking(
        List.of(new JsonlMetrics(folder())),
        warning -> {
          throw new AssertionError(warning);
        });
  }

  private Path folder() {
    return temporary.resolve("runs/out");
  }

  private Path file() {
    return folder().resolve("metrics.jsonl");
  }

  private List<Integer> steps(String key) {
    return JsonlMetrics.read(file()).stream()
        .filter(line -> line.has(key))
        .map(line -> line.path("step").asInt())
        .toList();
  }

  @Test
  void linesHaveTheNumbersByTheNamesOfTheEcosystem() throws IOException {
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 2);
      tracking.logged(Runs.step(2));
      tracking.evaluated(Runs.evaluated(2, 0.5));
    }
    assertThat(Files.readAllLines(file()))
        .containsExactly(
            "{\"step\":2,\"epoch\":0.2,\"loss\":1.0,\"learning_rate/default\":0.001,"
                + "\"learning_rate/lora_B\":0.004,\"grad_norm\":0.5,\"tokens_per_second\":1000.0,"
                + "\"seconds\":2.0}",
            "{\"step\":2,\"epoch\":0.2,\"eval_loss\":0.75,\"eval_accuracy\":0.5,"
                + "\"eval_macro_f1\":null,\"eval_seconds\":0.25}");
  }

  @Test
  void lineIsOnTheDiskBeforeTheNextStep() {
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 2);
      tracking.logged(Runs.step(1));
      assertThat(steps("loss")).containsExactly(1);
      tracking.logged(Runs.step(2));
      assertThat(steps("loss")).containsExactly(1, 2);
    }
  }

  @Test
  void runThatGoesOnRepeatsAndLosesNothing() throws IOException {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 25);
    }
    Files.writeString(file(), "{\"step\":26,\"lo", StandardOpenOption.APPEND); // torn off
    try (Tracking tracking = tracking()) {
      tracking.resumed(20);
      Runs.steps(tracking, 21, 30);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(steps("loss")).hasSize(30).isSorted().doesNotHaveDuplicates();
    assertThat(steps("eval_loss")).containsExactly(10, 20, 30);
  }

  /** As when a checkpoint is written before the evaluation of its step. */
  @Test
  void whatIsToldAgainIsWrittenOnce() {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 20);
    }
    try (Tracking tracking = tracking()) {
      tracking.resumed(20);
      tracking.started(List.of(), 30);
      tracking.evaluated(Runs.evaluated(20, 0.2));
      tracking.logged(Runs.step(21));
    }
    assertThat(steps("eval_loss")).containsExactly(10, 20);
    assertThat(steps("loss")).endsWith(20, 21);
  }

  @Test
  void anotherRunBeginsAnew() {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 20);
    }
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 3);
    }
    assertThat(steps("loss")).containsExactly(1, 2, 3);
  }

  @Test
  void nothingIsMadeBeforeThereIsSomethingToWrite() {
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 2);
    }
    assertThat(temporary.resolve("runs")).doesNotExist();
  }

  @Test
  void oneGroupsRateIsTheLearningRate() {
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 1);
      tracking.logged(new StepReport(1, 0.5, 1, Map.of("default", 1e-3), 1, 1, 1));
    }
    JsonNode line = JsonlMetrics.read(file()).get(0);
    assertThat(line.path("learning_rate").asDouble()).isEqualTo(1e-3);
  }
}
