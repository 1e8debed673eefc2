package dev.lorikeet.fuzz;

import static java.util.stream.Collectors.joining;

import dev.lorikeet.cli.Lorikeet;
import dev.lorikeet.models.FileHash;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine;

/**
 * Ends every command that writes at random moments by SIGKILL, SIGTERM and SIGINT, runs it again,
 * and looks for temporaries and half results; then has each write to a disk that is full. {@code
 * CONTRIBUTING.md} says how to run it.
 *
 * <p>The command that follows a kill runs in this process, whose {@code java.io.tmpdir} must be the
 * folder {@code tmp} of its home.
 */
public final class KillRun {
  private static final List<String> SIGNALS = List.of("KILL", "KILL", "KILL", "TERM", "INT");
  private static final long LONGEST_SECONDS = 120;

  /** A disk that is filled before the commands write to it. */
  private static final String SMALL = "size=24k";

  private final Path home;
  private final Path inputs;
  private final Random random;
  private final List<String> faults = new ArrayList<>();

  private KillRun(Path home, long seed) throws IOException {
    this.home = home;
    this.inputs = Writer.inputs(new RealFiles(home.resolve("kill-inputs")));
    this.random = new Random(seed);
  }

  /** {@code [--kills N] [--seed N] [--home DIR] [WRITER]}. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    int kills = 50;
    long seed = 1;
    String only = "";
    Path home = Path.of("target", "fuzz").toAbsolutePath();
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case "--kills" -> kills = Integer.parseInt(arguments[++i]);
        case "--seed" -> seed = Long.parseLong(arguments[++i]);
        case "--home" -> home = Path.of(arguments[++i]).toAbsolutePath();
        default -> only = arguments[i];
      }
    }
    KillRun run = new KillRun(home, seed);
    int faults = 0;
    System.out.println(
        "| writer | kills | while a temporary was there | left after the next run | full disk |");
    System.out.println("|---|---|---|---|---|");
    try (TinyHub hub = new TinyHub(run.inputs.resolve("model"))) {
      for (Writer writer : Writer.ALL) {
        if (writer.name().startsWith(only)) {
          System.out.println(run.row(writer, kills, hub));
          run.faults.forEach(System.out::println);
          faults += run.faults.size();
          run.faults.clear();
        }
      }
    }
    System.exit(faults == 0 ? 0 : 1);
  }

  private String row(Writer writer, int kills, TinyHub hub)
      throws IOException, InterruptedException {
    Path result = emptied(home.resolve("kill-work"));
    Path temporary = emptied(home.resolve("tmp"));
    long start = System.nanoTime();
    int status = wait(start(writer, result, hub));
    long whole = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    if (status != 0) {
      throw new IllegalStateException(writer.name() + " ends with " + status);
    }
    String expected = contents(result);
    int during = 0;
    for (int i = 0; i < kills; i++) {
      emptied(result);
      String signal = SIGNALS.get(i % SIGNALS.size());
      Process process = start(writer, result, hub);
      waitForMoment(process, i, whole, result);
      end(process, signal);
      during += remains(result, temporary).isEmpty() ? 0 : 1;
      age(temporary);
      String said = again(writer, result, hub);
      if (!said.isEmpty()) {
        faults.add(writer.name() + " after " + signal + " " + i + ": " + said);
      }
      List<Path> left = remains(result, temporary);
      if (!left.isEmpty()) {
        faults.add(writer.name() + " after " + signal + " " + i + " leaves " + left);
      }
      String made = contents(result);
      if (!made.equals(expected)) {
        faults.add(writer.name() + " after " + signal + " " + i + ": " + made + " not " + expected);
      }
    }
    return String.format(
        Locale.ROOT,
        "| %s | %d | %d | %d | %s |",
        writer.name(),
        kills,
        during,
        faults.size(),
        fullDisk(writer, hub));
  }

  /** Half of the kills come at any time of the run, half while it has a temporary. */
  private void waitForMoment(Process process, int number, long whole, Path result)
      throws IOException, InterruptedException {
    if (number % 2 == 0) {
      process.waitFor(random.nextLong(whole + 1), TimeUnit.MILLISECONDS);
      return;
    }
    Path temporary = home.resolve("tmp");
    while (process.isAlive() && remains(result, temporary).isEmpty()) {
      Thread.sleep(1);
    }
    process.waitFor(random.nextLong(20), TimeUnit.MILLISECONDS);
  }

  private static void end(Process process, String signal) throws IOException, InterruptedException {
    if (process.isAlive()) {
      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
    }
    wait(process);
  }

  private static int wait(Process process) throws InterruptedException {
    if (!process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new IllegalStateException("no end after " + LONGEST_SECONDS + " s");
    }
    return process.exitValue();
  }

  private Process start(Writer writer, Path result, TinyHub hub) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:TieredStopAtLevel=1",
                "-Dai.djl.offline=true",
                "-Djava.io.tmpdir=" + home.resolve("tmp"),
                "-cp",
                System.getProperty("java.class.path"),
                Lorikeet.class.getName()));
    command.addAll(writer.command(inputs, result));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(home.resolve("kill-stderr.txt").toFile());
    builder.environment().put("OMP_NUM_THREADS", "1");
    if (writer.usesHub()) {
      builder.environment().put("HF_ENDPOINT", hub.endpoint());
      builder.environment().put("HF_HUB_CACHE", result.resolve("hub").toString());
    }
    return builder.start();
  }

  /** Runs the command once more to its end; what is wrong with that. */
  private String again(Writer writer, Path result, TinyHub hub)
      throws IOException, InterruptedException {
    if (writer.usesHub()) { // its settings are those of the environment
      int status = wait(start(writer, result, hub));
      return status == 0 ? "" : "the next ends with " + status;
    }
    StringWriter err = new StringWriter();
    CommandLine command = Lorikeet.commandLine();
    command.setOut(new PrintWriter(new StringWriter()));
    command.setErr(new PrintWriter(err));
    int status = command.execute(writer.command(inputs, result).toArray(new String[0]));
    return status == 0 ? "" : "the next ends with " + status + ": " + err;
  }

  // ---- what is there ----

  private static List<Path> remains(Path result, Path temporary) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path folder : List.of(result, temporary)) {
      for (Path path : tree(folder)) {
        String name = path.getFileName().toString();
        if (name.startsWith(".lorikeet-")
            || name.startsWith(".deleted-")
            || name.endsWith(".incomplete")
            || name.startsWith("lorikeet-")
            || isForgotten(path, name)) {
          found.add(path);
        }
      }
    }
    return found;
  }

  /** Whether a native library was left by a process that is not just running. */
  private static boolean isForgotten(Path path, String name) throws IOException {
    return (name.startsWith("onnxruntime-java") || name.startsWith("libduckdb_java"))
        && Files.getLastModifiedTime(path).toInstant().isBefore(Instant.now().minusSeconds(60));
  }

  /** Has what lies in the folder for temporary files lie there for two minutes. */
  private static void age(Path temporary) throws IOException {
    for (Path path : tree(temporary)) {
      Files.setLastModifiedTime(path, FileTime.from(Instant.now().minusSeconds(120)));
    }
  }

  /** The names of all files, with the hashes of those that say no path or time. */
  private static String contents(Path result) throws IOException {
    return tree(result).stream()
        .filter(Files::isRegularFile)
        .filter(file -> !file.toString().contains(".checkpoints"))
        .map(
            file ->
                result.relativize(file)
                    + (file.toString().matches(".*\\.(safetensors|onnx|data)")
                        ? "=" + FileHash.sha256(file).substring(0, 8)
                        : ""))
        .sorted()
        .collect(joining(" "));
  }

  private static List<Path> tree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.toList();
    } catch (UncheckedIOException e) {
      return tree(folder); // something has just been moved
    }
  }

  private static Path emptied(Path folder) throws IOException {
    for (Path path : tree(folder).stream().sorted(Comparator.reverseOrder()).toList()) {
      Files.deleteIfExists(path);
    }
    return Files.createDirectories(folder);
  }

  // ---- full disks ----

  /** Writes until there is no room. */
  private static void fill(Path filler) {
    byte[] page = new byte[1 << 10];
    try (OutputStream out = Files.newOutputStream(filler)) {
      while (true) {
        out.write(page);
      }
    } catch (IOException e) {
      // the disk is full
    }
  }

  /** What a command says on a small disk; needs the right to mount one. */
  private String fullDisk(Writer writer, TinyHub hub) throws IOException, InterruptedException {
    Path disk = emptied(home.resolve("small-disk"));
    if (new ProcessBuilder("mount", "-t", "tmpfs", "-o", SMALL, "tmpfs", disk.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor()
        != 0) {
      return "not tried";
    }
    try {
      Path filler = disk.resolve("filler");
      fill(filler);
      int status = wait(start(writer, disk, hub));
      List<String> said =
          Files.readAllLines(home.resolve("kill-stderr.txt")).stream()
              .filter(line -> line.startsWith("error: "))
              .toList();
      List<Path> left =
          tree(disk).stream().filter(path -> !path.equals(disk) && !path.equals(filler)).toList();
      if (status == 1 && said.size() == 1 && (left.isEmpty() || writer.usesHub())) {
        return "one line, nothing left";
      }
      faults.add(writer.name() + " on a full disk: " + status + " " + said + " leaves " + left);
      return "**" + status + "**";
    } finally {
      new ProcessBuilder("umount", disk.toString()).start().waitFor();
    }
  }
}
