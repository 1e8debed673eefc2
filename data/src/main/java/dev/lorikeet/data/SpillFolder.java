package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder of this process alone, for what a database spills to the disk. It is gone once it is
 * closed; those of processes that were killed are gone once another one opens its own.
 */
final class SpillFolder implements AutoCloseable {
  private static final String PREFIX = "lorikeet-duckdb-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "(\\d+)-.*");

  private final Path folder;

  private SpillFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Makes one in the folder for temporary files, which only its owner may open.
   *
   * @throws LorikeetException when it cannot be made
   */
  static SpillFolder open() {
    Path parent = Path.of(System.getProperty("java.io.tmpdir"));
    deleteThoseOfTheDead(parent);
    try {
      String prefix = PREFIX + ProcessHandle.current().pid() + "-";
      return new SpillFolder(Files.createTempDirectory(parent, prefix));
    } catch (IOException e) {
      throw new LorikeetException(
          "no temporary folder can be made in " + parent + ": " + e.getMessage(), e);
    }
  }

  Path path() {
    return folder;
  }

  private static void deleteThoseOfTheDead(Path parent) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path folder : folders) {
        Matcher name = NAME.matcher(folder.getFileName().toString());
        if (name.matches() && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
          delete(folder);
        }
      }
    } catch (IOException | NumberFormatException e) {
      // Another one's, or nobody's: it does no harm here.
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
      for (Path file : deepestFirst) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      // Another process's next database tries again.
    }
  }

  @Override
  public void close() {
    delete(folder);
  }
}
