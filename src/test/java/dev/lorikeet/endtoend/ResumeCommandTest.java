package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.FileHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code lorikeet train} that is interrupted and goes on. */
class ResumeCommandTest {
  private static final int MINUTES = 3;

  /** Three steps an epoch. */
  private static final String LINE =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --eval-data "
          + Embedded.FEW
          + " --method lora --dropout 0.1 --batch-size 8 --max-length 32 --threads 2 --json ";

  private static final String SHORT = LINE + "--epochs 1 --save-strategy steps --save-steps 1 ";

  @TempDir Path temporary;

  private Path output() {
    return temporary.resolve("topics");
  }

  private Path checkpoints() {
    return temporary.resolve("topics.checkpoints");
  }

  private static String hash(Path adapter) {
    return FileHash.sha256(adapter.resolve("adapter_model.safetensors"));
  }

  private static void delete(Path folder) throws IOException {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }

  @Test
  void aRunThatGoesOnEndsWithTheSameBytes() throws IOException {
    JsonNode whole = Cli.done(SHORT + "--output %s", output()).json();
    String expected = hash(output());
    delete(output());
    delete(checkpoints().resolve("checkpoint-3"));

    Cli resumed = Cli.done(SHORT + "--output %s --resume", output());
    assertThat(resumed.err()).contains("going on from " + checkpoints().resolve("checkpoint-2"));
    assertThat(hash(output())).isEqualTo(expected);
    for (String key : List.of("steps", "tokens", "eval_loss", "best_step", "padding_ratio")) {
      assertThat(resumed.json().path(key)).as(key).isEqualTo(whole.path(key));
    }

    Cli other = Cli.run(SHORT + "--output %s --resume --lr 0.01", output());
    assertThat(other.status()).isEqualTo(2);
    assertThat(other.err()).contains("training.lr is 0.01 and was 0.001");
    Cli anew = Cli.run(SHORT + "--output %s", output());
    assertThat(anew.status()).isEqualTo(2);
    assertThat(anew.err()).contains("give --resume to go on from there");
  }

  @Test
  void theRecordSaysStepsEvaluationsAndTheBestStep() throws IOException {
    Cli.done(LINE + "--max-steps 4 --eval-strategy steps --eval-steps 2 --output %s", output());
    JsonNode record = Cli.parse(Files.readString(output().resolve("lorikeet.json")));
    JsonNode results = record.path("results");
    assertThat(results.path("steps").asInt()).isEqualTo(4);
    assertThat(results.path("evaluations"))
        .extracting(e -> e.path("step").asInt())
        .containsExactly(2, 4);
    assertThat(results.path("best_step").asInt()).isIn(2, 4);
    assertThat(record.path("settings").path("training").path("eval_strategy").asText())
        .isEqualTo("steps");
  }

  // ---- signals ----

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  @DisabledOnOs(OS.WINDOWS) // which has no SIGINT to send
  void aSignalSavesACheckpointAndSaysHowToGoOn(String signal, int status)
      throws IOException, InterruptedException {
    Assumptions.assumeFalse(isIgnored(signal), "whoever started this process has it ignored");
    String line = LINE + "--epochs 4 --output " + output();
    Path err = temporary.resolve("err.txt");
    Process process = start(line, err);
    try {
      awaitText(process, err, " step 2/12 ");
      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
      assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(Files.readString(err))
        .contains("stopping after this step, to save a checkpoint")
        .containsPattern("stopped after step \\d+ of 12, saved in ")
        .contains("; the same command with --resume goes on from there")
        .doesNotContain("error");
    assertThat(process.exitValue()).isEqualTo(status);
    assertThat(namesIn(output()))
        .as("the run's measurements, which go on")
        .isSubsetOf("metrics.jsonl", "metrics.svg");

    assertThat(Cli.done("%s --resume", line).err()).contains("going on from " + checkpoints());
    assertThat(checkpoints()).as("it has served").doesNotExist();
    String resumed = hash(output());
    delete(output());
    Cli.done(line);
    assertThat(resumed).isEqualTo(hash(output()));
  }

  private static List<String> namesIn(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  private static Process start(String line, Path err) throws IOException {
    return new ProcessBuilder(JavaProcess.lorikeet(line))
        .redirectError(err.toFile())
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static void awaitText(Process process, Path file, String text)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(MINUTES);
    while (!Files.readString(file).contains(text)) {
      assertThat(process.isAlive() && System.nanoTime() < end).as(Files.readString(file)).isTrue();
      Thread.sleep(20);
    }
  }

  /** Whether this process ignores a signal, as jobs in the background may; children inherit it. */
  private static boolean isIgnored(String signal) throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return false;
    }
    String mask =
        Files.readAllLines(status).stream()
            .filter(l -> l.startsWith("SigIgn:"))
            .findFirst()
            .orElse("SigIgn: 0");
    long ignored = Long.parseUnsignedLong(mask.replaceAll("SigIgn:\\s*", ""), 16);
    int number = signal.equals("INT") ? 2 : 15;
    return (ignored >> (number - 1) & 1) == 1;
  }
}
