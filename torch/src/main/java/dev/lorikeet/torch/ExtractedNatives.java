package dev.lorikeet.torch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Native libraries that other libraries unpack into a folder of temporary files and delete when the
 * process ends, so that a process that is killed leaves them: tens of megabytes each time.
 */
public final class ExtractedNatives {
  /**
   * Above what it takes to load a library that is unpacked. Where it is in use afterwards, POSIX
   * keeps its bytes until its process ends, and Windows refuses to delete it.
   */
  private static final Duration LOADED = Duration.ofMinutes(1);

  private ExtractedNatives() {}

  /**
   * Removes those in {@code java.io.tmpdir} whose names begin so, older than a minute, as far as
   * this user may.
   */
  public static void removeAbandoned(String prefix) {
    removeAbandoned(Path.of(System.getProperty("java.io.tmpdir")), prefix, LOADED);
  }

  /**
   * The same in another folder, which need not exist.
   *
   * @param age those that have not changed for so long
   */
  static void removeAbandoned(Path folder, String prefix, Duration age) {
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, prefix + "*")) {
      for (Path one : found) {
        if (Files.getLastModifiedTime(one, LinkOption.NOFOLLOW_LINKS)
            .toInstant()
            .isBefore(Instant.now().minus(age))) {
          delete(one);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      // Another process removes them, or they are another user's: nothing depends on it.
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      List<Path> innermostFirst = paths.sorted(Comparator.reverseOrder()).toList();
      for (Path path : innermostFirst) {
        Files.deleteIfExists(path);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
