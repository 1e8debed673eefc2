package dev.lorikeet.data.rows;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a folder's files, one file after the other in the order of their names. All have one
 * format; files of other kinds, sub-folders and what begins with a dot are passed over.
 */
public final class FolderRows implements Rows {
  private static final Pattern TRAINING = Pattern.compile("(.*[^a-z])?train(ing)?([^a-z].*)?");
  private static final Pattern HELD =
      Pattern.compile("(.*[^a-z])?(test|eval|evaluation|valid|validation|val|dev)([^a-z].*)?");

  private final Selection columns;
  private final DataFormat format;
  private final Iterator<Path> files;
  private Rows current;

  private FolderRows(DataFormat format, List<Path> files, Selection columns) {
    this.columns = columns;
    this.format = format;
    this.files = files.iterator();
    this.current = open(this.files.next());
  }

  /**
   * Opens a folder.
   *
   * @param said the files' format; null where their endings say it
   * @throws UsageException when it has no file of a known format, files of several, or both
   *     training and evaluation files by their names
   */
  public static FolderRows open(Path folder, @Nullable DataFormat said, Selection columns) {
    List<Path> files = new ArrayList<>(files(folder));
    if (said == null) {
      files.removeIf(file -> DataFormat.ofEnding(file.toString()) == null);
    }
    if (files.isEmpty()) {
      throw new UsageException(
          folder
              + ": the folder has no file of a known format: name a file, or say the format"
              + (" before the name (csv:" + folder + ")"));
    }
    mustBeOfOneSplit(folder, files);
    Set<DataFormat> formats =
        files.stream()
            .map(file -> said == null ? DataFormat.ofEnding(file.toString()) : said)
            .filter(Objects::nonNull)
            .collect(Collectors.toCollection(TreeSet::new));
    if (formats.size() > 1) {
      throw new UsageException(
          (folder + ": the folder has files of several formats (" + names(files) + "): ")
              + ("say which before its name (csv:" + folder + "), or name the file"));
    }
    return new FolderRows(formats.iterator().next(), files, columns);
  }

  private static List<Path> files(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> !file.getFileName().toString().startsWith("."))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new LorikeetException(folder + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** Nobody means to train on what is held out. */
  private static void mustBeOfOneSplit(Path folder, List<Path> files) {
    List<Path> training = files.stream().filter(file -> isOf(TRAINING, file)).toList();
    List<Path> held = files.stream().filter(file -> isOf(HELD, file)).toList();
    if (!training.isEmpty() && !held.isEmpty()) {
      throw new UsageException(
          (folder + ": the folder has training and evaluation files, ")
              + (training.get(0).getFileName() + " and " + held.get(0).getFileName())
              + ": name the file");
    }
  }

  private static boolean isOf(Pattern split, Path file) {
    return split.matcher(file.getFileName().toString().toLowerCase(Locale.ROOT)).matches();
  }

  private static String names(List<Path> files) {
    return files.stream()
            .limit(3)
            .map(file -> file.getFileName().toString())
            .collect(Collectors.joining(", "))
        + (files.size() > 3 ? ", ..." : "");
  }

  private Rows open(Path file) {
    return format.open(file.toString(), file, columns);
  }

  @Override
  public @Nullable Row next() {
    Row row = current.next();
    while (row == null && files.hasNext()) {
      current.close();
      current = open(files.next());
      row = current.next();
    }
    return row;
  }

  @Override
  public String place(long number) {
    return current.place(number);
  }

  @Override
  public boolean areFlat() {
    return current.areFlat();
  }

  @Override
  public void close() {
    current.close();
  }
}
