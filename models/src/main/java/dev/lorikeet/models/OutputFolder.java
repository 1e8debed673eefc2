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
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes a folder or a file so that it is there whole or not at all: first to a temporary place on
 * the same disk, from which it is then moved. Whatever goes wrong on the way, nothing of it
 * remains; what a process that was killed has left is removed by the next that writes there.
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
   * Adds files to a folder. When {@code target} does not exist yet, it appears in one atomic move.
   * When it exists, each new file replaces its namesake, and all other files stay as they are.
   *
   * @param writer fills the empty folder that it is given
   * @throws LorikeetException when {@code target} is a file or cannot be written, which is found
   *     before the writer runs; when the writer fails on the disk, such as one that is full
   */
  public static void write(Path target, ThrowingConsumer<Path> writer) {
    write(target, writer, OutputFolder::move);
  }

  /**
   * Writes a result. An older one of the same kind that Lorikeet wrote is replaced whole; other
   * files in the folder stay as they are.
   *
   * @param writer fills the empty folder that it is given
   * @throws LorikeetException as {@link #write(Path, ThrowingConsumer)}, and when {@code target}
   *     holds another kind of result, or one that was not written here
   */
  public static void write(Path target, ResultKind kind, ThrowingConsumer<Path> writer) {
    mustFit(target, kind);
    overwrite(target, writer);
  }

  /**
   * Writes a result in the place of whatever result {@code target} holds, which is there until the
   * new one is complete. Other files in the folder stay as they are.
   *
   * @param writer fills the empty folder that it is given
   * @throws LorikeetException as {@link #write(Path, ThrowingConsumer)}
   */
  public static void overwrite(Path target, ThrowingConsumer<Path> writer) {
    write(
        target,
        writer,
        (temporary, place) -> {
          mustMatch(temporary, place);
          FolderSwap.replace(temporary, place);
        });
  }

  /** Takes a finished folder to a target that exists. */
  @FunctionalInterface
  private interface Arrival {
    void of(Path temporary, Path target) throws IOException;
  }

  private static void write(Path target, ThrowingConsumer<Path> writer, Arrival arrival) {
    mustBeFolder(target);
    replace(
        target,
        temporary -> {
          FolderSwap.finishInterrupted(target);
          Files.createDirectory(temporary);
          writer.accept(temporary);
          if (Files.exists(target)) {
            arrival.of(temporary, target);
          } else {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
          }
        });
  }

  /**
   * {@link #check(Path)} for a result of a kind.
   *
   * @throws LorikeetException also when {@code target} holds another kind of result, or one that
   *     was not written here
   */
  public static void check(Path target, ResultKind kind) {
    check(target);
    mustFit(target, kind);
  }

  private static void mustFit(Path target, ResultKind kind) {
    try {
      FolderSwap.finishInterrupted(target);
    } catch (IOException e) {
      throw unwritable(target, reason(e));
    }
    kind.mustFit(target);
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

  /** Whether two paths lead to the same place, which need not exist. */
  public static boolean isSame(Path one, Path other) {
    try {
      if (Files.exists(one) && Files.exists(other)) {
        return Files.isSameFile(one, other);
      }
    } catch (IOException e) {
      // Then their names decide.
    }
    return one.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
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

  /**
   * Finds out before a long run whether {@link #writeFile} can begin, and what is lost by it.
   *
   * @param overwrite whether a file that is there may be
   * @throws LorikeetException when {@code target} is a folder, cannot be written, or is there
   */
  public static void checkFile(Path target, boolean overwrite) {
    mustBeFile(target);
    missingFolders(target, parent(target, target.toAbsolutePath().normalize()));
    if (!overwrite && Files.exists(target)) {
      throw ResultKind.refused(target, "exists");
    }
  }

  private static void mustBeFile(Path target) {
    if (Files.isDirectory(target)) {
      throw new LorikeetException(
          target + " is a folder, and a file is to be written there: choose another output");
    }
  }

  /** {@link #writeFile} for a writer that has buffers of its own. */
  static void writeChannel(Path target, ThrowingConsumer<FileChannel> writer) {
    mustBeFile(target);
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
    Temporary temporary = Temporary.in(home);
    boolean done = false;
    try {
      Files.createDirectories(home);
      action.accept(temporary.claim().path());
      done = true;
    } catch (IOException e) {
      throw failure(target, temporary.path(), e);
    } catch (UncheckedIOException e) {
      throw failure(target, temporary.path(), Objects.requireNonNull(e.getCause()));
    } catch (LorikeetException e) {
      throw retold(e, temporary.path(), target);
    } finally {
      temporary.close();
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
    mustMatch(from, to);
    List<Path> files = walk(from);
    for (Path file : files) {
      Path namesake = to.resolve(from.relativize(file));
      if (Files.isDirectory(file)) {
        Files.createDirectories(namesake);
      } else {
        Files.move(file, namesake, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  /** Checks that no file stands where a folder is to be, nor the other way round. */
  private static void mustMatch(Path from, Path to) {
    for (Path file : walk(from)) {
      Path namesake = to.resolve(from.relativize(file));
      if (Files.exists(namesake) && Files.isDirectory(file) != Files.isDirectory(namesake)) {
        throw unwritable(
            namesake, "a " + (Files.isDirectory(file) ? "file" : "folder") + " has that name");
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
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes a folder with all that is in it, as far as that is possible. */
  static void deleteFolder(Path folder) {
    delete(walk(folder));
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
