package dev.lorikeet.fuzz;

import dev.lorikeet.fuzz.Outcome.Verdict;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Damages real files of each kind and has the commands that read them do so, in processes of their
 * own: a process that dies, a command that takes above 20 s, and any end but success or one line
 * are faults. {@code CONTRIBUTING.md} says how to run it.
 */
public final class Fuzz {
  private static final long HANG_SECONDS = 20;
  private static final long START_SECONDS = 300;
  private static final int PROGRESS = 1_000;
  private static final int LONGEST_REPORT = 2_000;
  private static final int LONGEST_SHAPE = 160;

  private final Path home;
  private final long seed;
  private final Map<Verdict, Integer> counts = new EnumMap<>(Verdict.class);

  /** How often each refusal was said, names and numbers left out. */
  private final Map<String, Integer> refusals = new TreeMap<>();

  private Fuzz(Path home, long seed) {
    this.home = home;
    this.seed = seed;
  }

  /** {@link #run}, and ends with status 1 where there were faults. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    System.exit(run(arguments) == 0 ? 0 : 1);
  }

  /**
   * Runs kinds, all unless named, and prints a table.
   *
   * @param arguments {@code [KIND ...] [--files N] [--from N] [--seed N] [--home DIR]}, or {@code
   *     KIND --lay N DIR} to write one damaged file's folder to look at
   * @return the number of faults
   */
  static int run(String[] arguments) throws IOException, InterruptedException {
    int files = 20_000;
    int from = 0;
    long seed = 1;
    Path home = Path.of("target", "fuzz").toAbsolutePath();
    List<Kind> kinds = new ArrayList<>();
    int lay = -1;
    Path laid = home;
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case "--files" -> files = Integer.parseInt(arguments[++i]);
        case "--from" -> from = Integer.parseInt(arguments[++i]);
        case "--seed" -> seed = Long.parseLong(arguments[++i]);
        case "--home" -> home = Path.of(arguments[++i]).toAbsolutePath();
        case "--lay" -> {
          lay = Integer.parseInt(arguments[++i]);
          laid = Path.of(arguments[++i]).toAbsolutePath();
        }
        default -> kinds.add(Kind.valueOf(arguments[i].toUpperCase(Locale.ROOT)));
      }
    }
    if (lay >= 0) {
      lay(kinds.get(0), seed, lay, home, laid);
      return 0;
    }
    System.out.println("| kind | files | accepted | refused in one line | faults |");
    System.out.println("|---|---|---|---|---|");
    int faults = 0;
    for (Kind kind : kinds.isEmpty() ? Arrays.asList(Kind.values()) : kinds) {
      Fuzz fuzz = new Fuzz(home, seed);
      System.out.println(fuzz.run(kind, from, files));
      faults += fuzz.count(Verdict.FAULT);
    }
    return faults;
  }

  private static void lay(Kind kind, long seed, int number, Path home, Path folder)
      throws IOException {
    FuzzCase fuzzCase = new FuzzCase(kind.name(), seed, number);
    Specimen specimen = fuzzCase.lay(kind.specimens(specimens(home, kind)), folder);
    System.out.println(specimen + ": lorikeet " + String.join(" ", specimen.command(folder)));
  }

  private static Path specimens(Path home, Kind kind) {
    return home.resolve("specimens").resolve(kind.name().toLowerCase(Locale.ROOT));
  }

  private String run(Kind kind, int from, int files) throws IOException, InterruptedException {
    Path faults = home.resolve(kind.name().toLowerCase(Locale.ROOT) + ".faults.txt");
    Files.createDirectories(home);
    Files.deleteIfExists(faults);
    int next = from;
    while (next < from + files) {
      next = runWorker(kind, next, from + files, faults);
    }
    Files.write(
        home.resolve(kind.name().toLowerCase(Locale.ROOT) + ".refusals.txt"),
        refusals.entrySet().stream()
            .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
            .map(refusal -> refusal.getValue() + " " + refusal.getKey())
            .toList());
    return String.format(
        Locale.ROOT,
        "| %s | %,d | %,d | %,d | %,d |",
        kind.name().toLowerCase(Locale.ROOT).replace('_', ' '),
        files,
        count(Verdict.ACCEPTED),
        count(Verdict.REFUSED),
        count(Verdict.FAULT));
  }

  private int count(Verdict verdict) {
    return counts.getOrDefault(verdict, 0);
  }

  /** Runs a process until its end or death; the number of the file to go on with. */
  private int runWorker(Kind kind, int from, int to, Path faults)
      throws IOException, InterruptedException {
    Path work = home.resolve("work");
    Path temporary = Files.createDirectories(home.resolve("tmp"));
    Process process = start(kind, from, to, work, temporary);
    BlockingQueue<String> lines = listen(process);
    int current = from - 1;
    boolean within = false;
    while (true) {
      String line = lines.poll(within ? HANG_SECONDS : START_SECONDS, TimeUnit.SECONDS);
      if (line == null) {
        dumpThreads(process, home.resolve("no-end-" + current + ".txt"));
        process.destroyForcibly().waitFor();
        if (!within) {
          throw new IOException("the process does nothing for " + START_SECONDS + " s");
        }
        note(faults, current, Outcome.fault("no end after " + HANG_SECONDS + " s"));
        return current + 1;
      }
      if (line.equals("exit")) {
        int status = process.waitFor();
        if (status == 0 && !within) {
          return to;
        }
        if (current < from) {
          throw new IOException(
              "the process ends with "
                  + status
                  + " before its first file: see "
                  + home.resolve("stderr.txt"));
        }
        note(faults, current, Outcome.fault("the process dies with status " + status));
        return current + 1;
      }
      if (line.startsWith("begin ")) {
        current = Integer.parseInt(line.substring("begin ".length()));
        within = true;
      } else if (line.startsWith("end ")) {
        within = false;
        String[] parts = line.split(" ", 3);
        note(faults, current, new Outcome(Verdict.valueOf(parts[1]), parts[2]));
      }
    }
  }

  /** Where the process is that does not end. */
  private static void dumpThreads(Process process, Path file)
      throws IOException, InterruptedException {
    String jstack = Path.of(System.getProperty("java.home"), "bin", "jstack").toString();
    new ProcessBuilder(jstack, Long.toString(process.pid()))
        .redirectErrorStream(true)
        .redirectOutput(file.toFile())
        .start()
        .waitFor(HANG_SECONDS, TimeUnit.SECONDS);
  }

  private void note(Path faults, int number, Outcome outcome) throws IOException {
    counts.merge(outcome.verdict(), 1, Integer::sum);
    if ((number + 1) % PROGRESS == 0) {
      System.err.printf(Locale.ROOT, "%,d: %s%n", number + 1, counts);
    }
    if (outcome.verdict() == Verdict.REFUSED) {
      refusals.merge(shape(outcome.what()), 1, Integer::sum);
    }
    if (outcome.verdict() == Verdict.FAULT) {
      String what = outcome.what();
      String line = number + ": " + what.substring(0, Math.min(what.length(), LONGEST_REPORT));
      Files.writeString(faults, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  private String shape(String message) {
    String shape =
        message
            .replace(home.toString(), "")
            .replaceAll("\"[^\"]*\"", "\"\"")
            .replaceAll("\\d+", "#");
    return shape.substring(0, Math.min(shape.length(), LONGEST_SHAPE));
  }

  private Process start(Kind kind, int from, int to, Path work, Path temporary) throws IOException {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-Dai.djl.offline=true",
            "-Djava.io.tmpdir=" + temporary,
            "-cp",
            System.getProperty("java.class.path"),
            FuzzWorker.class.getName(),
            kind.name(),
            Long.toString(seed),
            Integer.toString(from),
            Integer.toString(to),
            specimens(home, kind).toString(),
            work.toString());
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.appendTo(home.resolve("stderr.txt").toFile()));
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.environment().put("HF_HUB_OFFLINE", "1");
    builder.environment().put("HF_HUB_CACHE", home.resolve("hub").toString());
    return builder.start();
  }

  /** The lines that a process prints, and {@code exit} at their end. */
  private static BlockingQueue<String> listen(Process process) {
    BlockingQueue<String> lines = new ArrayBlockingQueue<>(1_000);
    Thread reader =
        new Thread(
            () -> {
              try (BufferedReader in =
                  new BufferedReader(
                      new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                  lines.put(line);
                }
                lines.put("exit");
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "fuzz-reader");
    reader.setDaemon(true);
    reader.start();
    return lines;
  }
}
