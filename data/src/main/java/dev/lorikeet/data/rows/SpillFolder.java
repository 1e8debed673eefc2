package dev.lorikeet.data.rows;

import dev.lorikeet.models.Temporary;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * A folder of this process alone, for what a database spills to the disk. It is gone once it is
 * closed, or, where the process was killed, once another one opens its own.
 */
final class SpillFolder implements AutoCloseable {
  private final Temporary place;

  private SpillFolder(Temporary place) {
    this.place = place;
  }

  /**
   * Makes one in the folder for temporary files, which only its owner may open.
   *
   * @throws LorikeetException when it cannot be made
   */
  static SpillFolder open() {
    Path parent = Path.of(System.getProperty("java.io.tmpdir"));
    Temporary place = Temporary.in(parent);
    try {
      place.claim();
      Files.createDirectory(place.path(), ofTheOwner(parent));
      return new SpillFolder(place);
    } catch (IOException e) {
      place.close();
      throw new LorikeetException(
          "no temporary folder can be made in " + parent + ": " + e.getMessage(), e);
    }
  }

  private static FileAttribute<?>[] ofTheOwner(Path parent) {
    return parent.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  Path path() {
    return place.path();
  }

  @Override
  public void close() {
    place.close();
  }
}
