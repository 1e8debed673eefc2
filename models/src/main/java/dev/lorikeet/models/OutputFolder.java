package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes a folder or a file so that it is there whole or not at all: first to a temporary place on
 * the same disk, from which it is then moved. Whatever goes wrong on the way, nothing of it
 * remains.
 */
public final class OutputFolder {
  private static final Pattern DISK_FULL =
      Pattern.compile("no space left|quota exceeded|not enough space", Pattern.CASE_INSENSITIVE);

  private OutputFolder() {}

  /** What fills {@code value}, and may fail while it does. */
  @FunctionalInterface
  public interface ThrowingConsumer<T> {
    void accept(T value) throws IOException;
  }

  /**
   * Writes a folder. When {@code target} does not exist yet, it appears in one atomic move. When it
   * exists, each new file replaces its namesake, and all other files stay as they are.
   *
   * @param writer fills the empty folder that it is given
   * @throws LorikeetException when {@code target} is a file or cannot be written, which is found
   *     before the writer runs; when the writer fails on the disk, such as one that is full
   */
  public static void write(Path target, ThrowingConsumer<Path> writer) {
    mustBeFolder(target);
    replace(
        target,
        temporary -> {
          Files.createDirectory(temporary);
          writer.accept(temporary);
          move(temporary, target);
        });
  }

  /**
   * Finds out before a long run whether {@link #write} can begin.
   *
   * @throws LorikeetException when {@code target} is a file or cannot be written
   */
  public static void check(Path target) {
    mustBeFolder(target);
    missingFolders(target, target.toAbsolutePath().normalize());
  }

  private static void mustBeFolder(Path target) {
    if (Files.exists(target) && !Files.isDirectory(target)) {
      throw new LorikeetException(
          target + " is a file, and a folder is to be written there: choose another output");
    }
  }

  /**
   * Writes a file, or replaces it, in one atomic move.
   *
   * @param writer writes to the stream, which is closed for it
   * @throws LorikeetException when {@code target} is a folder or cannot be written, which is found
   *     before the writer runs; when the writer fails on the disk, such as one that is full
   */
  public static void writeFile(Path target, ThrowingConsumer<OutputStream> writer) {
    writeChannel(
        target,
        channel -> {
          OutputStream stream = new BufferedOutputStream(Channels.newOutputStream(channel));
          writer.accept(stream);
          stream.flush();
        });
  }

  /** {@link #writeFile} for a writer that has buffers of its own. */
  static void writeChannel(Path target, ThrowingConsumer<FileChannel> writer) {
    if (Files.isDirectory(target)) {
      throw new LorikeetException(
          target + " is a folder, and a file is to be written there: choose another output");
    }
    replace(
        target,
        temporary -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            writer.accept(channel);
            channel.force(true);
          }
          Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        });
  }

  /** Runs {@code action} on a temporary path, which it makes, fills and moves to the target. */
  private static void replace(Path target, ThrowingConsumer<Path> action) {
    Path absolute = target.toAbsolutePath().normalize();
    // Inside a folder that exists: beside it may be another disk, or no permission to write.
    Path home = Files.isDirectory(absolute) ? absolute : parent(target, absolute);
    List<Path> missing = missingFolders(target, home);
    Path temporary = home.resolve(".lorikeet-" + UUID.randomUUID() + ".tmp");
    boolean done = false;
    try {
      Files.createDirectories(home);
      action.accept(temporary);
      done = true;
    } catch (IOException e) {
      throw failure(target, temporary, e);
    } catch (UncheckedIOException e) {
      throw failure(target, temporary, Objects.requireNonNull(e.getCause()));
    } catch (LorikeetException e) {
      throw retold(e, temporary, target);
    } finally {
      delete(walk(temporary));
      if (!done) {
        delete(missing);
      }
    }
  }

  /**
   * The folders that must be made for {@code folder} to exist, outermost first.
   *
   * @throws LorikeetException when the innermost that exists cannot be written
   */
  private static List<Path> missingFolders(Path target, Path folder) {
    List<Path> missing = new ArrayList<>();
    Path existing = folder;
    while (!Files.exists(existing)) {
      missing.add(0, existing);
      existing = parent(target, existing);
    }
    if (!Files.isDirectory(existing)) {
      throw unwritable(target, existing + " is not a folder");
    }
    if (!Files.isWritable(existing)) {
      throw unwritable(target, "no permission to write in " + existing);
    }
    return missing;
  }

  private static Path parent(Path target, Path path) {
    Path parent = path.getParent();
    if (parent == null) {
      throw unwritable(target, path + " does not exist"); // a drive that is not there
    }
    return parent;
  }

  private static void move(Path from, Path to) throws IOException {
    if (!Files.exists(to)) {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    List<Path> files = walk(from);
    for (Path file : files) {
      Path namesake = to.resolve(from.relativize(file));
      if (Files.exists(namesake) && Files.isDirectory(file) != Files.isDirectory(namesake)) {
        throw unwritable(
            namesake, "a " + (Files.isDirectory(file) ? "file" : "folder") + " has that name");
      }
    }
    for (Path file : files) {
      Path namesake = to.resolve(from.relativize(file));
      if (Files.isDirectory(file)) {
        Files.createDirectories(namesake);
      } else {
        Files.move(file, namesake, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  private static LorikeetException failure(Path target, Path temporary, IOException e) {
    String reason = reason(e).replace(temporary.toString(), target.toString());
    if (DISK_FULL.matcher(reason).find()) {
      Path disk = target.toAbsolutePath().getParent();
      reason = "the disk of " + disk + " is full (" + reason + "): free space or";
    } else {
      reason += ":";
    }
    return new LorikeetException(
        target + " cannot be written: " + reason + " choose another output", e);
  }

  private static LorikeetException unwritable(Path target, String reason) {
    return new LorikeetException(
        target + " cannot be written: " + reason + ": choose another output");
  }

  /** The same failure, told of the place that the user named. */
  private static LorikeetException retold(LorikeetException e, Path temporary, Path target) {
    String message = String.valueOf(e.getMessage());
    String told = message.replace(temporary.toString(), target.toString());
    return told.equals(message) ? e : new LorikeetException(told, e);
  }

  private static String reason(IOException e) {
    if (e instanceof NoSuchFileException missing) {
      return missing.getFile() + " does not exist";
    }
    if (e instanceof AccessDeniedException denied) {
      return "no permission to write " + denied.getFile();
    }
    if (e instanceof FileSystemException failure && failure.getReason() != null) {
      return failure.getReason();
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  /** A folder and all that is in it, outermost first; nothing when it does not exist. */
  private static List<Path> walk(Path folder) {
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes files and folders, innermost first, but no folder that others have put files in. */
  private static void delete(List<Path> outermostFirst) {
    for (Path path : outermostFirst.stream().sorted(Comparator.reverseOrder()).toList()) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        // The failure that led here matters more than what cannot be cleaned up after it.
      }
    }
  }
}
