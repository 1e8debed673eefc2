package dev.lorikeet.endtoend;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A copy of the real model's folder, for a test to break some of its files. */
record BrokenModel(Path folder) {

  static BrokenModel in(Path folder) {
    try (Stream<Path> files = Files.list(Embedded.MODEL)) {
      Files.createDirectory(folder);
      List<Path> all = files.toList();
      for (Path file : all) {
        linkOrCopy(file, folder.resolve(file.getFileName()));
      }
      return new BrokenModel(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void linkOrCopy(Path file, Path copy) throws IOException {
    try {
      Files.createLink(copy, file);
    } catch (IOException | UnsupportedOperationException e) {
      Files.copy(file, copy); // on another disk
    }
  }

  BrokenModel without(String name) {
    try {
      Files.delete(folder.resolve(name));
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  BrokenModel with(String name, byte[] content) {
    try {
      Files.deleteIfExists(folder.resolve(name));
      Files.write(folder.resolve(name), content);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Replaces the first place where {@code pattern} is found. */
  BrokenModel edited(String name, String pattern, String replacement) {
    try {
      String text = Files.readString(folder.resolve(name));
      String edited = text.replaceFirst(pattern, replacement);
      if (edited.equals(text)) {
        throw new IllegalArgumentException(name + " has no " + pattern);
      }
      Files.delete(folder.resolve(name));
      Files.writeString(folder.resolve(name), edited);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    return folder.toString();
  }
}
