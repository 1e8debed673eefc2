package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Torch;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Processes are killed at random moments, fifty times: each goes on from the last complete
 * checkpoint of the one before, and every run that comes to its end has the bytes of a run that
 * nothing interrupted.
 */
class KilledRunsTest {
  private static final int LANES = 2;
  private static final int KILLS_A_LANE = 26;

  private static final String FINISHED = "finished ";
  private static final String FROM = "going on from ";
  private static final String ANEW = "no complete checkpoint";

  @TempDir private Path temporary;

  @Test
  void everyKilledRunGoesOnToTheSameBytes()
      throws IOException, InterruptedException, ExecutionException {
    Path model = TinyBert.withDropout(Files.createDirectory(temporary.resolve("model")));
    Run expected = toItsEnd(model, temporary.resolve("undisturbed"));
    ExecutorService lanes = Executors.newFixedThreadPool(LANES);
    List<Kill> kills = new ArrayList<>();
    try {
      List<Callable<List<Kill>>> work = new ArrayList<>();
      for (int lane = 0; lane < LANES; lane++) {
        Path folder = temporary.resolve("lane-" + lane);
        long seed = lane;
        work.add(() -> lane(model, folder, expected, seed));
      }
      for (Future<List<Kill>> lane : lanes.invokeAll(work)) {
        kills.addAll(lane.get());
      }
    } finally {
      lanes.shutdownNow();
    }
    assertThat(kills).hasSizeGreaterThanOrEqualTo(50);
    assertThat(kills).as("during a save").filteredOn(Kill::whileSaving).hasSizeGreaterThan(2);
    assertThat(kills).as("elsewhere").filteredOn(kill -> !kill.whileSaving).hasSizeGreaterThan(2);
    assertThat(kills.stream().map(Kill::newest).distinct()).as("steps").hasSizeGreaterThan(5);
    assertThat(kills.stream().mapToInt(Kill::finished).sum()).as("runs ended").isGreaterThan(2);
  }

  /**
   * The end of a process.
   *
   * @param newest the last step that it had saved; −1 for none
   * @param whileSaving whether it was writing a checkpoint
   * @param finished the runs that it had ended
   */
  private record Kill(long newest, boolean whileSaving, int finished) {}

  /**
   * A run that came to its end.
   *
   * @param bytes the hash of what it trained
   * @param millis how long it trained; kills fall everywhere in such a time
   */
  private record Run(String bytes, int millis) {}

  private static List<Kill> lane(Path model, Path folder, Run expected, long seed)
      throws IOException, InterruptedException {
    SplittableRandom random = new SplittableRandom(seed);
    List<Kill> kills = new ArrayList<>();
    long newest = -1;
    for (int i = 0; i < KILLS_A_LANE; i++) {
      List<String> lines = killed(model, folder, random.nextInt(expected.millis()));
      assertThat(lines).noneMatch(line -> line.contains("damaged"));
      assertThat(lines.get(0))
          .startsWith(newest < 0 ? ANEW : FROM + folder.resolve("checkpoint-" + newest));
      List<String> finished = lines.stream().filter(line -> line.startsWith(FINISHED)).toList();
      assertThat(finished).allMatch(line -> line.equals(FINISHED + expected.bytes()));
      newest = newest(folder);
      kills.add(new Kill(newest, names(folder).anyMatch(n -> n.endsWith(".tmp")), finished.size()));
    }
    assertThat(toItsEnd(model, folder).bytes())
        .as("the last goes on too")
        .isEqualTo(expected.bytes());
    return kills;
  }

  /** What a process printed until it was killed, some time after it had begun to train. */
  private static List<String> killed(Path model, Path folder, int millis)
      throws IOException, InterruptedException {
    Process process = start(model, folder, Integer.MAX_VALUE);
    List<String> lines = new ArrayList<>();
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      lines.add(String.valueOf(reader.readLine()));
      Thread.sleep(millis);
      assertThat(process.isAlive()).as("%s", lines).isTrue();
      process.toHandle().destroyForcibly(); // unlike the process's own, it leaves the output open
      process.waitFor();
      reader.lines().forEach(lines::add);
      return lines;
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private static long newest(Path folder) {
    return names(folder)
        .filter(name -> name.startsWith("checkpoint-"))
        .mapToLong(name -> Long.parseLong(name.substring("checkpoint-".length())))
        .max()
        .orElse(-1);
  }

  private static Stream<String> names(Path folder) {
    String[] names = folder.toFile().list();
    return names == null ? Stream.of() : Stream.of(names);
  }

  /** A run, or what is left of it, that nothing interrupts. */
  private static Run toItsEnd(Path model, Path folder) throws IOException, InterruptedException {
    Process process = start(model, folder, 1);
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(reader.readLine()).isNotNull(); // it begins to train
      long began = System.nanoTime();
      List<String> lines = reader.lines().toList();
      long nanos = System.nanoTime() - began;
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
      String last = lines.get(lines.size() - 1);
      assertThat(last).startsWith(FINISHED);
      return new Run(
          last.substring(FINISHED.length()),
          (int) Math.max(1, TimeUnit.NANOSECONDS.toMillis(nanos)));
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private static Process start(Path model, Path folder, int runs) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Dai.djl.offline=true",
            "-cp",
            System.getProperty("java.class.path"),
            Program.class.getName(),
            model.toString(),
            folder.toString(),
            Integer.toString(runs))
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /** One run after another, the first of them going on from where the process before was killed. */
  static final class Program {
    private static final TrainingConfig CONFIG =
        TrainingConfig.DEFAULT
            .withLr(3e-3, List.of())
            .withEpochs(2)
            .withBatchSize(4, 2)
            .with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.STEPS, 1, 3));

    private Program() {}

    /** Trains the first argument's model with checkpoints in the second, so many times. */
    public static void main(String[] arguments) throws NoSuchAlgorithmException {
      Torch.threads(1);
      Checkpoints checkpoints =
          Checkpoints.in(Path.of(arguments[1])).resuming(true).messages(System.out::println);
      for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
        System.out.println(FINISHED + train(Path.of(arguments[0]), checkpoints));
        checkpoints.deleteAll();
      }
    }

    private static String train(Path checkpoint, Checkpoints checkpoints)
        throws NoSuchAlgorithmException {
      List<EncodedExample> data = TinyBert.classified(48, 3, 12, 1);
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (Scope scope = Scope.open();
          Model model = Model.open(checkpoint, ModelOptions.DEFAULT)) {
        List<Trainable> trainables = Trainable.allOf(model);
        new Trainer(
                model,
                Tasks.of(model),
                trainables,
                TrainingData.of(data),
                data.subList(0, 12),
                0,
                CONFIG,
                TrainingListener.SILENT)
            .checkpoints(checkpoints)
            .run();
        trainables.forEach(t -> digest.update(t.parameter().original().toBytes()));
      }
      return HexFormat.of().formatHex(digest.digest());
    }
  }
}
