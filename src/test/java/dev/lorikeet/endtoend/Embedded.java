package dev.lorikeet.endtoend;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The embedded model and data, brought in once for all tests by the commands that users type. */
final class Embedded {
  /** The root of the repository; tests run in the folder of their module. */
  static final Path ROOT = Path.of("../..").toAbsolutePath().normalize();

  /** Where Lorikeet keeps things; every run of the tests begins with an empty one. */
  static final Path HOME =
      emptied(
          Path.of(
              Optional.ofNullable(System.getenv("LORIKEET_HOME")).orElse("target/lorikeet-home")));

  /** all-MiniLM-L6-v2, in the place where scripts find it. */
  static final Path MODEL = imported("minilm", "models/all-MiniLM-L6-v2");

  private static final Path WORDNET = imported("wordnet --train-per-topic 20", "wordnet");

  /** 160 glosses with their topics, 20 of each of eight. */
  static final Path TRAIN = WORDNET.resolve("train.jsonl");

  /** 100 other glosses, of all topics. */
  static final Path EVAL = head(WORDNET.resolve("eval.jsonl"), 100);

  /** 24 of the training glosses, of all topics: enough for three steps of eight. */
  static final Path FEW = head(TRAIN, 24);

  private Embedded() {}

  private static Path imported(String source, String folder) {
    Path output = HOME.resolve(folder);
    Cli.done("import " + source + " --output %s", output);
    return output;
  }

  /** The first lines of a file, in a file beside it. */
  private static Path head(Path file, int lines) {
    try {
      return Files.write(
          file.resolveSibling(lines + "-" + file.getFileName()),
          Files.readAllLines(file).subList(0, lines));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path emptied(Path folder) {
    try {
      if (Files.exists(folder)) {
        try (Stream<Path> paths = Files.walk(folder)) {
          List<Path> innermostFirst = paths.sorted(Comparator.reverseOrder()).toList();
          for (Path path : innermostFirst) {
            Files.delete(path);
          }
        }
      }
      return Files.createDirectories(folder).toAbsolutePath();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
