package dev.lorikeet.data.rows;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The pictures of a folder, in the order of their names, each labelled with the name of the
 * sub-folder that it lies in: the layout of <a
 * href="https://huggingface.co/docs/datasets/image_dataset#imagefolder">datasets' imagefolder</a>.
 * Files that are no pictures by their endings are passed over, and so is what begins with a dot.
 */
public final class ImageFolder implements Rows {
  /** Those that cannot be read are here too, so that their rows are bad and not passed over. */
  private static final Set<String> ENDINGS =
      Set.of("png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp");

  private final Path folder;
  private final boolean labelled;
  private final Iterator<Path> files;
  private long number;

  private ImageFolder(Path folder, boolean labelled, List<Path> files) {
    this.folder = folder;
    this.labelled = labelled;
    this.files = files.iterator();
  }

  /**
   * The pictures of a folder and its sub-folders.
   *
   * @param labelled whether a picture outside of sub-folders is a bad row
   */
  public static ImageFolder open(Path folder, boolean labelled) {
    try (Stream<Path> files = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
      return new ImageFolder(
          folder,
          labelled,
          files.map(folder::relativize).filter(ImageFolder::isPicture).sorted().toList());
    } catch (IOException e) {
      throw new LorikeetException(folder + " cannot be read: " + e.getMessage(), e);
    } catch (UncheckedIOException e) {
      throw new LorikeetException(folder + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static boolean isPicture(Path file) {
    for (Path name : file) {
      if (name.toString().startsWith(".")) {
        return false;
      }
    }
    String name = file.toString().toLowerCase(Locale.ROOT);
    return ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1));
  }

  @Override
  public @Nullable Row next() {
    if (!files.hasNext()) {
      return null;
    }
    Path file = files.next();
    number++;
    Path parent = file.getParent();
    if (labelled && parent == null) {
      return Row.unreadable(
          number, file + " lies in no sub-folder, whose name would be its label: move it into one");
    }
    Cell label = parent == null ? Cell.MISSING : Cell.string(parent.getFileName().toString());
    return new Row(
        number, null, Cell.string(file.toString()), Cell.MISSING, List.of(label), Map.of());
  }

  @Override
  public String place(long number) {
    return folder.toString();
  }

  @Override
  public void close() {}
}
