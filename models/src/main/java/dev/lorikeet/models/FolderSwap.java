package dev.lorikeet.models;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Puts a finished result in the place of a folder's old one, of which no file remains; files that
 * are nobody's result stay.
 *
 * <p>The new files lie in a folder inside. Its renaming to {@code .lorikeet-*.new} decides: until
 * then the old result is there, afterwards the swap is finished, by whoever writes there next if
 * this process ends before. In between there is no {@link ResultKind#isMarker marker}, so that a
 * reader finds no result rather than parts of two.
 */
final class FolderSwap {
  private static final String DECIDED = ".lorikeet-*.new";

  /** The names of the files that the new result has, also once they were moved. */
  private static final String NAMES = ".lorikeet-files";

  private FolderSwap() {}

  /**
   * Replaces the result in {@code target}.
   *
   * @param temporary the new result, {@code .lorikeet-*.tmp} in the target
   */
  static void replace(Path temporary, Path target) throws IOException {
    Files.write(temporary.resolve(NAMES), filesIn(temporary).stream().map(Path::toString).toList());
    String name = temporary.getFileName().toString();
    Path decided = target.resolve(name.replaceFirst("\\.tmp$", ".new"));
    Files.move(temporary, decided, StandardCopyOption.ATOMIC_MOVE);
    finish(decided, target);
  }

  /** Finishes what a process that ended in the middle of a swap has decided. */
  static void finishInterrupted(Path target) throws IOException {
    if (!Files.isDirectory(target)) {
      return;
    }
    try (DirectoryStream<Path> decided = Files.newDirectoryStream(target, DECIDED)) {
      for (Path one : decided) {
        finish(one, target);
      }
    }
  }

  private static void finish(Path decided, Path target) throws IOException {
    List<String> names = Files.readAllLines(decided.resolve(NAMES));
    for (String old : oldParts(decided, target, names)) {
      Files.deleteIfExists(target.resolve(old));
    }
    for (Path file : markersLast(filesIn(decided))) {
      Path place = target.resolve(file);
      Files.createDirectories(place.getParent());
      try {
        Files.move(decided.resolve(file), place, StandardCopyOption.ATOMIC_MOVE);
      } catch (NoSuchFileException e) {
        // Another process finishes the same swap.
      }
    }
    OutputFolder.deleteFolder(decided);
  }

  /** What of the old result is still there: first its markers, then what the new one lacks. */
  private static List<String> oldParts(Path decided, Path target, List<String> names) {
    List<String> parts = ResultKind.partsIn(target);
    Stream<String> markers =
        parts.stream()
            .filter(ResultKind::isMarker)
            .filter(name -> !names.contains(name) || Files.exists(decided.resolve(name)));
    Stream<String> others = parts.stream().filter(name -> !names.contains(name));
    return Stream.concat(markers, others).toList();
  }

  private static List<Path> markersLast(List<Path> files) {
    List<Path> sorted = new ArrayList<>(files);
    sorted.sort(
        (a, b) ->
            Boolean.compare(ResultKind.isMarker(a.toString()), ResultKind.isMarker(b.toString())));
    return sorted;
  }

  /** The files in a folder and below it, as they are called from there. */
  private static List<Path> filesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(folder::relativize)
          .filter(file -> !file.toString().equals(NAMES))
          .sorted()
          .toList();
    }
  }
}
