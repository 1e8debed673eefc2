package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A command that is to fail with one line and leave nothing behind. */
final class Refusal {
  private Refusal() {}

  /**
   * Runs a command and checks its exit status and message, and that nothing in {@code folder}
   * appeared or vanished.
   *
   * @param message the whole of it, after {@code error: }
   */
  static void of(Path folder, int status, String message, String typed, Object... arguments) {
    List<Path> before = tree(folder);
    Cli cli = Cli.run(typed, arguments);
    assertThat(errors(cli)).isEqualTo("error: " + message);
    assertThat(cli.status()).isEqualTo(status);
    assertThat(cli.out()).isEmpty();
    assertThat(tree(folder)).isEqualTo(before);
  }

  /** What was written to standard error, but for the settings of the run. */
  static String errors(Cli cli) {
    return cli.err()
        .lines()
        .filter(line -> !line.startsWith("settings: "))
        .collect(Collectors.joining("\n"));
  }

  private static List<Path> tree(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
