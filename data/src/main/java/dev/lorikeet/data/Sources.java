package dev.lorikeet.data;

import dev.lorikeet.data.rows.DataFormat;
import dev.lorikeet.data.rows.FolderRows;
import dev.lorikeet.data.rows.ImageFolder;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.data.rows.Selection;
import dev.lorikeet.data.rows.TableRows;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What users call a source of rows, and how it is opened. */
final class Sources {
  static final String QUERY = "sql:";
  static final String STANDARD_INPUT = "-";

  private Sources() {}

  /** What errors call a source. */
  static String name(String source) {
    if (source.startsWith(QUERY)) {
      return "the query";
    }
    String file = withoutFormat(source);
    return file.equals(STANDARD_INPUT) ? "standard input" : file;
  }

  /** The file or folder that a source is; null for a query and for standard input. */
  static @Nullable Path file(String source) {
    String file = withoutFormat(source);
    return source.startsWith(QUERY) || file.equals(STANDARD_INPUT) ? null : path(file);
  }

  /** The format that is said before the name of a file; null where none is. */
  private static @Nullable DataFormat format(String source) {
    int colon = source.indexOf(':');
    return colon < 0 ? null : DataFormat.named(source.substring(0, colon));
  }

  private static String withoutFormat(String source) {
    return format(source) == null ? source : source.substring(source.indexOf(':') + 1);
  }

  private static Path path(String file) {
    try {
      return Path.of(file);
    } catch (InvalidPathException e) {
      throw new LorikeetException(file + ": no file can have this name: " + e.getReason(), e);
    }
  }

  /**
   * Opens a source.
   *
   * @param pictures whether its rows name pictures
   */
  static Rows open(String source, Selection columns, boolean pictures) {
    String name = name(source);
    if (source.startsWith(QUERY)) {
      return TableRows.ofQuery(name, source.substring(QUERY.length()), columns);
    }
    DataFormat said = format(source);
    Path file = file(source);
    if (file == null) {
      return (said == null ? DataFormat.JSON : said).open(name, System.in, columns);
    }
    if (Files.isDirectory(file)) {
      if (pictures && !columns.kept().isEmpty()) {
        throw new UsageException(
            source + " is a folder of images, which has no columns: leave --keep out");
      }
      return pictures
          ? ImageFolder.open(file, !columns.labels().isEmpty())
          : FolderRows.open(file, said, columns);
    }
    if (pictures && !Files.exists(file)) {
      throw new LorikeetException(name + ": no such file or folder");
    }
    DataFormat format = said == null ? DataFormat.of(name) : said;
    mustBeReadable(name, file);
    return format.open(name, file, columns);
  }

  private static void mustBeReadable(String name, Path file) {
    if (!Files.exists(file)) {
      throw new LorikeetException(name + ": no such file");
    }
    if (!Files.isReadable(file)) {
      throw new LorikeetException(name + ": may not be read: change its permissions");
    }
  }
}
