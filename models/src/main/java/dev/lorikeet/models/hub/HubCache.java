package dev.lorikeet.models.hub;

import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.Temporary;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One repository in the cache, laid out as Python's {@code huggingface_hub} does, so that both use
 * the same files:
 *
 * <pre>
 * models--org--name/blobs/ETAG                  a file's bytes; ETAG.incomplete while they come
 * models--org--name/snapshots/COMMIT/FILE       a relative link to its blob, or the file itself
 * models--org--name/refs/REVISION               the commit that a branch or tag was
 * .locks/models--org--name/ETAG.lock            held while a blob is written
 * </pre>
 *
 * <p>Nothing is read or written through a link that leads out of the cache.
 *
 * @see <a href="https://huggingface.co/docs/huggingface_hub/guides/manage-cache">its
 *     description</a>
 */
final class HubCache {
  /** Locks of files exclude other processes, and these other threads. */
  private static final Map<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();

  /** Makes symbolic links; not every disk, and not every user of Windows, has them. */
  @FunctionalInterface
  interface Linker {
    void link(Path link, Path target) throws IOException;
  }

  private final Path root;
  private final Path home;
  private final Path locks;
  private final Linker linker;
  private final HubListener listener;

  HubCache(Path root, HubName name, HubListener listener) {
    this(root, name, listener, (link, target) -> Files.createSymbolicLink(link, target));
  }

  HubCache(Path root, HubName name, HubListener listener, Linker linker) {
    this.root = root.toAbsolutePath().normalize();
    this.home = this.root.resolve(name.folder());
    this.locks = this.root.resolve(".locks").resolve(name.folder());
    this.listener = listener;
    this.linker = linker;
  }

  Path root() {
    return root;
  }

  Path snapshot(String commit) {
    return home.resolve("snapshots").resolve(commit);
  }

  /** Whether a snapshot has a file. */
  boolean has(String commit, String file) {
    Path pointer = snapshot(commit).resolve(file);
    return Files.exists(pointer) && Files.exists(mustBeInside(pointer));
  }

  /** The bytes of all files with this hash, which need not be there. */
  Path blob(String hash) {
    return folder(home.resolve("blobs")).resolve(hash);
  }

  /** Where a file lies that is no blob, in a folder that is there. */
  Path place(String commit, String file) {
    Path place = snapshot(commit).resolve(file);
    folder(parent(place));
    return place;
  }

  /** The commit that a revision was when it was last fetched, or null. */
  @Nullable String commit(String revision) {
    if (SafeNames.isCommit(revision)) {
      return revision;
    }
    Path ref = home.resolve("refs").resolve(revision);
    if (!Files.isRegularFile(ref)) {
      return null;
    }
    try {
      String commit = Files.readString(mustBeInside(ref), StandardCharsets.UTF_8).strip();
      if (!SafeNames.isCommit(commit)) {
        throw new LorikeetException(
            ref + " holds " + SafeNames.shown(commit) + ", which is no commit: delete it");
      }
      return commit;
    } catch (IOException e) {
      throw new LorikeetException(ref + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Notes which commit a branch or tag is. */
  void remember(String revision, String commit) {
    if (commit.equals(revision) || commit.equals(commit(revision))) {
      return;
    }
    Path ref = home.resolve("refs").resolve(revision);
    try {
      folder(parent(ref));
      OutputFolder.writeFile(ref, stream -> stream.write(commit.getBytes(StandardCharsets.UTF_8)));
    } catch (LorikeetException e) {
      listener.said(String.valueOf(e.getMessage())); // a cache that others may only read
    }
  }

  /**
   * Shows a blob under its name in a snapshot.
   *
   * @param isNew whether the blob belongs to no snapshot yet: without links it is moved, not copied
   */
  void link(String commit, String file, Path blob, boolean isNew) {
    Path pointer = place(commit, file);
    Path folder = parent(pointer);
    try (Temporary temporary = Temporary.in(folder).claim()) {
      Path source = temporary.path();
      try {
        linker.link(source, folder.relativize(blob));
      } catch (IOException | UnsupportedOperationException e) {
        if (isNew) {
          source = blob;
        } else {
          Files.copy(blob, source);
        }
      }
      Files.move(source, pointer, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw unwritable(pointer, e);
    }
  }

  /** Runs {@code action} while no other thread or process of Lorikeet's writes this blob. */
  <T> T locked(String blob, Supplier<T> action) {
    Path file = folder(locks).resolve(blob + ".lock");
    ReentrantLock threads = THREADS.computeIfAbsent(file, key -> new ReentrantLock());
    threads.lock();
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      lock(channel, file);
      return action.get(); // closing the channel ends the lock
    } catch (IOException e) {
      throw unwritable(file, e);
    } finally {
      threads.unlock();
    }
  }

  private void lock(FileChannel channel, Path file) {
    try {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        listener.said("another process fetches this file; waiting for it (" + file + ")");
        channel.lock();
      }
    } catch (IOException e) {
      // Some network disks have no locks. The hash is checked at the end all the same.
      listener.said(file + " cannot be locked: " + e.getMessage());
    }
  }

  /** A folder of the cache, made where it is missing. */
  private Path folder(Path folder) {
    try {
      Files.createDirectories(root);
      Path existing = folder;
      while (!Files.exists(existing, LinkOption.NOFOLLOW_LINKS)) {
        existing = parent(existing);
      }
      mustBeInside(existing);
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw unwritable(folder, e);
    }
  }

  /**
   * @throws LorikeetException when a link leads from {@code path} out of the cache
   */
  private Path mustBeInside(Path path) {
    try {
      Path real = path.toRealPath();
      if (!real.startsWith(root.toRealPath())) {
        throw new LorikeetException(
            path
                + " leads out of the cache, to "
                + real
                + ": delete that link, or set HF_HUB_CACHE");
      }
      return real;
    } catch (NoSuchFileException e) {
      throw new LorikeetException(path + " is a link to nothing: delete it", e);
    } catch (IOException e) {
      throw new LorikeetException(path + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static Path parent(Path path) {
    Path parent = path.getParent();
    if (parent == null) {
      throw new IllegalStateException(path + " is a root");
    }
    return parent;
  }

  static LorikeetException unwritable(Path path, IOException e) {
    return new LorikeetException(
        path
            + " cannot be written: "
            + e.getMessage()
            + ": free the disk or the folder, or set HF_HUB_CACHE to another",
        e);
  }
}
