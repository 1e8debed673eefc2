package dev.lorikeet.fuzz;

import dev.lorikeet.cli.Lorikeet;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import picocli.CommandLine;

/**
 * One damaged file: everything about it follows from the kind, the seed and its number.
 *
 * @param number counts the files of a kind
 */
record FuzzCase(String kind, long seed, int number) {

  /**
   * By their words, as a command line keeps some of what it was told: it takes longer to make than
   * to run.
   */
  private static final Map<List<String>, CommandLine> COMMANDS = new HashMap<>();

  /** A run that took steps keeps its metrics and checkpoints, whatever ended it. */
  private static final String DIVERGED = "training left ";

  /** Damages a specimen in a folder of its own, and runs its command there. */
  Outcome run(List<Specimen> specimens, Path folder, boolean stacktrace) throws IOException {
    return run(lay(specimens, folder), folder, stacktrace);
  }

  /** Runs those specimens, whole, and says which are not accepted, as all have to be. */
  static List<String> refusedWhole(
      List<Specimen> specimens, Path folder, Consumer<Specimen> progress) throws IOException {
    List<String> refused = new ArrayList<>();
    Set<String> tried = new HashSet<>();
    for (Specimen specimen : specimens) {
      if (!tried.add(specimen.folder() + String.join(" ", specimen.words()))) {
        continue;
      }
      progress.accept(specimen);
      empty(folder);
      copy(specimen.folder(), folder);
      Outcome outcome = run(specimen, folder, false);
      if (outcome.verdict() != Outcome.Verdict.ACCEPTED) {
        refused.add(String.join(" ", specimen.command(folder)) + ": " + outcome);
      }
    }
    return refused;
  }

  private static Outcome run(Specimen specimen, Path folder, boolean stacktrace)
      throws IOException {
    List<Path> before = tree(folder);
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        COMMANDS.computeIfAbsent(specimen.words(), words -> Lorikeet.commandLine());
    command.setOut(new PrintWriter(out));
    command.setErr(new PrintWriter(err));
    String[] words = specimen.command(folder);
    Outcome outcome;
    int status;
    try {
      status = command.execute(stacktrace ? with(words, "--stacktrace") : words);
      outcome = Outcome.of(status, out.toString(), err.toString());
    } catch (Throwable e) { // whatever it is, it has reached the user
      return Outcome.fault("threw " + e + " at " + place(e));
    }
    if (outcome.verdict() == Outcome.Verdict.REFUSED
        && !outcome.what().startsWith(DIVERGED)
        && !tree(folder).equals(before)) {
      return Outcome.fault(
          "left files: " + tree(folder).stream().filter(p -> !before.contains(p)).toList());
    }
    return outcome;
  }

  /** Writes the specimen, damaged, to an emptied folder. */
  Specimen lay(List<Specimen> specimens, Path folder) throws IOException {
    Random random =
        new Random(seed * 1_000_003 + kind.hashCode() * 31L + number * 0x9e3779b97f4a7c15L);
    Specimen specimen = specimens.get(random.nextInt(specimens.size()));
    empty(folder);
    copy(specimen.folder(), folder);
    Path file = folder.resolve(specimen.file());
    byte[] original = Files.readAllBytes(file);
    byte[] damaged;
    try {
      damaged = specimen.mutation().apply(original, random);
    } catch (IOException | RuntimeException e) { // a second change finds it damaged already
      damaged = Bytes.damaged(original, random);
    }
    Files.delete(file); // a mapped file must not change under its reader
    Files.write(file, damaged);
    specimen.repair().apply(folder);
    return specimen;
  }

  private static String[] with(String[] words, String flag) {
    String[] more = java.util.Arrays.copyOf(words, words.length + 1);
    more[words.length] = flag;
    return more;
  }

  private static String place(Throwable e) {
    return Stream.of(e.getStackTrace())
        .filter(frame -> frame.getClassName().startsWith("dev.lorikeet"))
        .findFirst()
        .map(Object::toString)
        .orElse("?");
  }

  private static void copy(Path from, Path to) throws IOException {
    for (Path path : tree(from)) {
      Path target = to.resolve(from.relativize(path).toString());
      if (Files.isDirectory(path)) {
        Files.createDirectories(target);
      } else {
        Files.copy(path, target);
      }
    }
  }

  private static void empty(Path folder) throws IOException {
    Files.createDirectories(folder);
    for (Path path : tree(folder).stream().sorted(Comparator.reverseOrder()).toList()) {
      if (!path.equals(folder)) {
        Files.delete(path);
      }
    }
  }

  private static List<Path> tree(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.sorted().toList();
    }
  }
}
