package dev.lorikeet.models;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The place of a temporary file or folder, which no run leaves behind for good, however it ends.
 *
 * <p>Beside {@code .lorikeet-ID.tmp} lies {@code .lorikeet-ID.lock}, locked while the temporary is
 * needed. The operating system ends the lock of a process that is killed, in a container or on
 * another machine too, so that who makes the next temporary in a folder knows which of those there
 * nobody needs, and removes them. Where a disk has no locks, they are removed once they are a day
 * old.
 *
 * <p>Each instance is used by one thread.
 */
public final class Temporary implements AutoCloseable {
  private static final String PREFIX = ".lorikeet-";
  private static final String ENDING = ".tmp";
  private static final String LOCK = ".lock";
  private static final Pattern NAME =
      Pattern.compile(Pattern.quote(PREFIX) + "(.+)(?:\\.tmp|\\.lock)");

  private static final Duration OLD = Duration.ofDays(1);

  /** Those of this process: closing any channel of a file would end its lock. */
  private static final Set<String> OWN = ConcurrentHashMap.newKeySet();

  private final Path folder;
  private String id = UUID.randomUUID().toString();
  private @Nullable FileChannel lock;

  private Temporary(Path folder) {
    this.folder = folder;
  }

  /** A place in a folder; nothing is made there yet. */
  public static Temporary in(Path folder) {
    return new Temporary(folder);
  }

  /** Where the temporary is to lie. It changes when the place is {@linkplain #claim claimed}. */
  public Path path() {
    return folder.resolve(PREFIX + id + ENDING);
  }

  /**
   * Removes what runs that were killed have left in the folder, and claims a place in it, at which
   * nothing lies.
   *
   * @return this
   * @throws IOException when nothing can be written in the folder
   */
  public Temporary claim() throws IOException {
    removeAbandoned(folder);
    do {
      close();
      id = UUID.randomUUID().toString();
    } while (!locked());
    return this;
  }

  /** Whether the lock is ours; another process may just be looking whether anybody has it. */
  private boolean locked() throws IOException {
    OWN.add(id);
    Path file = lockOf(folder, id);
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    lock = channel;
    try {
      return channel.tryLock() != null && Files.exists(file);
    } catch (IOException e) {
      Files.deleteIfExists(file); // a disk without locks
      return true;
    }
  }

  private static Path lockOf(Path folder, String id) {
    return folder.resolve(PREFIX + id + LOCK);
  }

  /** Deletes what still lies there. */
  @Override
  public void close() {
    FileChannel held = lock;
    if (held == null) {
      return;
    }
    lock = null;
    OutputFolder.deleteFolder(path());
    release(held, lockOf(folder, id));
    OWN.remove(id);
  }

  private static void release(FileChannel held, Path file) {
    try (held) {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // Where open files cannot be deleted, the next run does it.
    }
  }

  /** Removes the temporaries in a folder that nobody needs any more. */
  public static synchronized void removeAbandoned(Path folder) {
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, PREFIX + "*")) {
      for (Path one : found) {
        Matcher name = NAME.matcher(one.getFileName().toString());
        if (name.matches() && !OWN.contains(name.group(1))) {
          removeIfAbandoned(folder, name.group(1));
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      // A folder that is not there, or not ours to read, has nothing that we could remove.
    }
  }

  private static void removeIfAbandoned(Path folder, String id) throws IOException {
    Path temporary = folder.resolve(PREFIX + id + ENDING);
    Path file = lockOf(folder, id);
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      if (isOld(temporary)) {
        OutputFolder.deleteFolder(temporary);
      }
      return;
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      FileLock free = channel.tryLock();
      if (free != null) {
        OutputFolder.deleteFolder(temporary);
        release(channel, file);
      }
    } catch (IOException e) {
      // Its owner has just removed it, or it is another user's.
    }
  }

  private static boolean isOld(Path temporary) throws IOException {
    return Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)
        && Files.getLastModifiedTime(temporary, LinkOption.NOFOLLOW_LINKS)
            .toInstant()
            .isBefore(Instant.now().minus(OLD));
  }
}
