package dev.lorikeet.data.rows;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** How the rows of a file are written. */
public enum DataFormat {
  JSON("jsonl ndjson json"),
  CSV("csv"),
  TSV("tsv"),
  TEXT("txt"),
  CONLL("conll conllu bio iob iob2"),
  PARQUET("parquet");

  private static final List<String> PACKED = List.of(".gz", ".zst");

  private final String names;

  /** A format that goes by these names, between spaces. */
  DataFormat(String names) {
    this.names = names;
  }

  /**
   * The format that a file's ending says, before that of a packed file; null where it says none.
   */
  static @Nullable DataFormat ofEnding(String file) {
    String name = file.toLowerCase(Locale.ROOT);
    for (String packed : PACKED) {
      if (name.endsWith(packed)) {
        name = name.substring(0, name.length() - packed.length());
      }
    }
    return named(name.substring(name.lastIndexOf('.') + 1));
  }

  /** The format of this name; null where there is none. */
  public static @Nullable DataFormat named(String name) {
    return Arrays.stream(values())
        .filter(f -> List.of(f.names.split(" ")).contains(name))
        .findFirst()
        .orElse(null);
  }

  /** The format of a file by its ending. */
  public static DataFormat of(String file) {
    DataFormat format = ofEnding(file);
    if (format == null) {
      throw new UsageException(
          file
              + ": the ending says nothing of what it is: use .jsonl, .json, .csv, .tsv, .txt,"
              + " .conll (these also packed, .gz or .zst) or .parquet, say it before the name"
              + " (csv:"
              + file
              + "), or give a query (sql:SELECT ...)");
    }
    return format;
  }

  /**
   * Opens a file.
   *
   * @throws LorikeetException when it cannot be read
   */
  public Rows open(String source, Path file, Selection columns) {
    if (this == PARQUET) {
      return TableRows.ofParquet(source, file, columns);
    }
    try {
      return open(source, Files.newInputStream(file), columns);
    } catch (IOException e) {
      throw new LorikeetException(source + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Opens what a stream brings.
   *
   * @throws UsageException when files of this format can only be read from a disk
   */
  public Rows open(String source, InputStream bytes, Selection columns) {
    try {
      InputStream unpacked = Unpacked.of(source, bytes);
      return switch (this) {
        case JSON -> JsonRows.open(source, unpacked, columns);
        case CSV -> CsvRows.open(source, unpacked, ',', columns);
        case TSV -> CsvRows.open(source, unpacked, '\t', columns);
        case TEXT -> new TextRows(source, unpacked, columns);
        case CONLL -> new ConllRows(source, unpacked, columns);
        case PARQUET ->
            throw new UsageException(source + ": Parquet is read from a file, not from a stream");
      };
    } catch (RuntimeException e) {
      try {
        bytes.close();
      } catch (IOException ignored) {
        // It was only read from.
      }
      throw e;
    }
  }
}
