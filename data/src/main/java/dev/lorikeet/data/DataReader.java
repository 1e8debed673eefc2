package dev.lorikeet.data;

import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads a data set into {@link Example}s. The source is a file, whose ending says what it is:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}, {@code .json}: one JSON object a line;
 *   <li>{@code .csv}, {@code .tsv}: a header, then rows (RFC 4180);
 *   <li>{@code .parquet};
 * </ul>
 *
 * or, behind {@code sql:}, a query in DuckDB's SQL, which may read files itself:
 *
 * <pre>sql:SELECT gloss AS text, topic AS label FROM 'x.parquet'</pre>
 *
 * <p>For a causal language model a row is a text, a prompt with its completion (both texts, or both
 * lists of messages), or a chat: a list of messages with role and content, or of turns {@code from}
 * and {@code value} (human, gpt) as ShareGPT has them. For an encoder-decoder it is a text with its
 * target.
 *
 * <p>For image classification a row names the file of a picture, from the folder of the data set
 * where it is a file; or the source is a folder of pictures with a sub-folder for each label. Each
 * picture is decoded once, so that a broken one is a bad row, and decoded again when it is used.
 *
 * <p>Several labels in a row, and the words and labels of token classification, are arrays; where a
 * cell can only be a string, labels stand between {@code |}, and words and their labels between
 * spaces. Rows keep the order of the file.
 */
public final class DataReader {
  /** How many skipped rows {@link DataSet#reports} tells of. */
  static final int REPORTS = 10;

  private static final String QUERY = "sql:";

  private DataReader() {}

  /**
   * Which columns hold what.
   *
   * @param text the text, the words, or the file of an image
   * @param textPair the second text of a pair; for a causal language model the completion of a
   *     prompt, for an encoder-decoder the target; null when texts are single
   * @param label the label or labels; null when the rows are unlabelled
   * @param chats whether the texts are lists of messages
   * @param kept columns that are passed through as they are, see {@link DataRow#kept}
   */
  public record Columns(
      String text,
      @Nullable String textPair,
      @Nullable String label,
      boolean chats,
      List<String> kept) {
    public Columns {
      kept = kept.stream().distinct().toList();
    }

    /** Columns of which none is passed through. */
    public Columns(String text, @Nullable String textPair, @Nullable String label, boolean chats) {
      this(text, textPair, label, chats, List.of());
    }

    /** Columns of texts. */
    public Columns(String text, @Nullable String textPair, @Nullable String label) {
      this(text, textPair, label, false);
    }

    /** Without labels, and with columns that are passed through. */
    public Columns unlabelled(List<String> kept) {
      return new Columns(text, textPair, null, chats, kept);
    }

    /** Chats for a language model: {@code [{"role": ..., "content": ...}, ...]}. */
    public static Columns ofChats(String messages) {
      return new Columns(messages, null, null, true);
    }

    /** The names of those columns that are given, each once. */
    List<String> names() {
      return Stream.concat(Stream.of(text, textPair, label).filter(Objects::nonNull), kept.stream())
          .distinct()
          .toList();
    }

    /**
     * Checks that all columns are there.
     *
     * @throws UsageException when one is not, with those there are
     */
    void require(String source, List<String> available) {
      for (String name : names()) {
        if (!available.contains(name)) {
          throw unknown(source, name, available);
        }
      }
    }

    static UsageException unknown(String source, String name, List<String> available) {
      String problem = source + ": no column \"" + name + "\"";
      if (available.isEmpty()) {
        return new UsageException(problem + ", nor any other");
      }
      String nearest = Nearest.of(name, available, 1).get(0);
      String all = String.join(", ", available);
      return new UsageException(problem + "; nearest: " + nearest + "; there are: " + all);
    }
  }

  /** What to do when a row is malformed. */
  public enum OnBadRow {
    /** Give up, saying where the row is and what is wrong with it. */
    FAIL,
    /** Leave the row out and count it. */
    SKIP
  }

  /**
   * What was read.
   *
   * @param examples the good rows, in the order of the file; at least one
   * @param skipped how many rows were left out
   * @param reports where the first ten of the rows left out are, and what is wrong with each
   */
  public record DataSet(List<Example> examples, int skipped, List<String> reports) {
    public DataSet {
      examples = List.copyOf(examples);
      reports = List.copyOf(reports);
    }
  }

  /** Loads DuckDB on another thread, for a command that has other things to begin with. */
  public static void startEarly() {
    Thread thread = new Thread(DuckDb::start, "duckdb-start");
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Reads a whole data set.
   *
   * @param source a file, {@code sql:} and a query, or a folder of images
   * @param problemType what the labels are; only sequence classification asks for it
   * @throws LorikeetException when the file is missing, unreadable, not UTF-8 or without a good
   *     row, or when a row is malformed and {@code onBadRow} is FAIL; the message has file and line
   *     (of a Parquet file or a query the number of the row)
   * @throws UsageException when a column is unknown, the task has no use for one, or the ending of
   *     the file is unknown
   */
  public static DataSet read(
      String source, Columns columns, Task task, ProblemType problemType, OnBadRow onBadRow) {
    List<Example> examples = new ArrayList<>();
    List<String> reports = new ArrayList<>();
    int skipped = 0;
    try (ExampleRows rows = open(source, columns, task, problemType)) {
      for (DataRow row = rows.next(); row != null; row = rows.next()) {
        if (row.example() != null || onBadRow == OnBadRow.FAIL) {
          examples.add(row.mustBeGood());
          continue;
        }
        skipped++;
        if (reports.size() < REPORTS) {
          reports.add(row.report());
        }
      }
    }
    if (examples.isEmpty()) {
      throw nothing(Format.of(source, task).name(source), skipped, reports);
    }
    return new DataSet(examples, skipped, reports);
  }

  /**
   * Opens a data set whose rows are read one after the other, in bounded memory.
   *
   * @param source a file, {@code sql:} and a query, or a folder of images
   * @param problemType what the labels are; only sequence classification asks for it
   * @throws LorikeetException when the file is missing, unreadable or not UTF-8
   * @throws UsageException as {@link #read}
   */
  public static ExampleRows open(
      String source, Columns columns, Task task, ProblemType problemType) {
    Format format = Format.of(source, task);
    if (format == Format.FOLDER && !columns.kept().isEmpty()) {
      throw new UsageException(
          source + " is a folder of images, which has no columns: leave --keep out");
    }
    RowParser parser =
        new RowParser(columns, task, problemType, format.flat(), format.images(source, task));
    return new ExampleRows(
        format.open(source, columns), parser, number -> format.place(source, number));
  }

  private static LorikeetException nothing(String name, int skipped, List<String> reports) {
    return new LorikeetException(
        skipped == 0
            ? name + ": no rows: is this the right file?"
            : name + ": all " + skipped + " rows are bad; first " + reports.get(0));
  }

  private enum Format {
    JSON_LINES,
    CSV,
    TSV,
    PARQUET,
    SQL,
    FOLDER;

    static Format of(String source, Task task) {
      if (source.startsWith(QUERY)) {
        return SQL;
      }
      if (task == Task.IMAGE_CLASSIFICATION && new File(source).isDirectory()) {
        return FOLDER;
      }
      if (task == Task.IMAGE_CLASSIFICATION && !new File(source).exists()) {
        throw new LorikeetException(source + ": no such file or folder");
      }
      String name = source.toLowerCase(Locale.ROOT);
      String ending = name.substring(name.lastIndexOf('.') + 1);
      return switch (ending) {
        case "jsonl", "ndjson", "json" -> JSON_LINES;
        case "csv" -> CSV;
        case "tsv" -> TSV;
        case "parquet" -> PARQUET;
        default ->
            throw new UsageException(
                source
                    + ": the ending says nothing of what it is: use .jsonl, .ndjson, .json, .csv,"
                    + " .tsv or .parquet, or a query (sql:SELECT ...)");
      };
    }

    boolean flat() {
      return this == CSV || this == TSV;
    }

    /** What errors call the source. */
    String name(String source) {
      return this == SQL ? "the query" : source;
    }

    /** Where the names of images begin. */
    Path images(String source, Task task) {
      if (this == SQL || task != Task.IMAGE_CLASSIFICATION) {
        return Path.of("");
      }
      return this == FOLDER ? Path.of(source) : existing(source).resolveSibling("");
    }

    String place(String source, long number) {
      if (this == FOLDER) {
        return source;
      }
      return this == SQL || this == PARQUET
          ? name(source) + ", row " + number
          : source + ":" + number;
    }

    Rows open(String source, Columns columns) {
      if (this == SQL) {
        return JsonRows.ofQuery(name(source), source.substring(QUERY.length()), columns);
      }
      if (this == FOLDER) {
        return ImageFolder.open(Path.of(source), columns.label() != null);
      }
      Path file = existing(source);
      return switch (this) {
        case CSV -> CsvRows.open(source, file, ',', columns);
        case TSV -> CsvRows.open(source, file, '\t', columns);
        case PARQUET -> JsonRows.ofParquet(source, file, columns);
        default -> JsonRows.ofLines(source, file, columns);
      };
    }

    private static Path existing(String source) {
      try {
        Path file = Path.of(source);
        if (Files.isDirectory(file)) {
          throw new LorikeetException(source + ": is a folder: name the file in it");
        }
        if (!Files.exists(file)) {
          throw new LorikeetException(source + ": no such file");
        }
        if (!Files.isReadable(file)) {
          throw new LorikeetException(source + ": may not be read: change its permissions");
        }
        return file;
      } catch (InvalidPathException e) {
        throw new LorikeetException(source + ": no file can have this name: " + e.getReason(), e);
      }
    }
  }
}
