package dev.lorikeet.data;

import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.data.rows.Selection;
import dev.lorikeet.data.rows.UnknownColumn;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a data set into {@link Example}s. The source is a file, whose ending says what it is:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}, {@code .json}: one JSON object a line, or one array of
 *       objects;
 *   <li>{@code .csv}, {@code .tsv}: a header, then rows (RFC 4180);
 *   <li>{@code .txt}: a text a line, in the column {@code text};
 *   <li>{@code .conll}, {@code .conllu}, {@code .bio}, {@code .iob}: a word and its tags a line,
 *       for token classification;
 *   <li>{@code .parquet};
 * </ul>
 *
 * all but the last also packed by gzip or Zstandard ({@code .gz}, {@code .zst}); or a folder of
 * such files, of one format; or {@code -}, standard input, JSON unless a format is said before it:
 * {@code csv:-}. So a file with another ending is read, too: {@code conll:train.data}. Behind
 * {@code sql:} stands a query in DuckDB's SQL, one SELECT, which may read files itself:
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
 * spaces. Several labels may also be a vector of zeros and ones with a place for each label, or
 * columns of zeros and ones, one for each. Rows keep the order of the file.
 */
public final class DataReader {
  /** How many skipped rows {@link DataSet#reports} tells of. */
  public static final int REPORTS = 10;

  private DataReader() {}

  /**
   * Which columns hold what.
   *
   * @param text the text, the words, or the file of an image
   * @param textPair the second text of a pair; for a causal language model the completion of a
   *     prompt, for an encoder-decoder the target; null when texts are single
   * @param labels the column of the label or labels; several where each is a label that holds or
   *     not; none when the rows are unlabelled
   * @param chats whether the texts are lists of messages
   * @param kept columns that are passed through as they are, see {@link DataRow#kept}
   */
  public record Columns(
      String text,
      @Nullable String textPair,
      List<String> labels,
      boolean chats,
      List<String> kept) {
    public Columns {
      labels = List.copyOf(labels);
      kept = kept.stream().distinct().toList();
    }

    /** Columns of which none is passed through. */
    public Columns(String text, @Nullable String textPair, List<String> labels, boolean chats) {
      this(text, textPair, labels, chats, List.of());
    }

    /** Columns of texts. */
    public Columns(String text, @Nullable String textPair, @Nullable String label) {
      this(text, textPair, label == null ? List.of() : List.of(label), false);
    }

    /** Chats for a language model: {@code [{"role": ..., "content": ...}, ...]}. */
    public static Columns ofChats(String messages) {
      return new Columns(messages, null, List.of(), true);
    }

    /** Without labels, and with columns that are passed through. */
    public Columns unlabelled(List<String> kept) {
      return new Columns(text, textPair, List.of(), chats, kept);
    }

    /** The labels' column or columns, as users name them; null where there is none. */
    public @Nullable String label() {
      return labels.isEmpty() ? null : String.join(",", labels);
    }

    /** What a source reads for these columns. */
    Selection selection() {
      return new Selection(text, textPair, labels, kept);
    }
  }

  /**
   * The names of a source's columns; of words and their tags, one a line, {@code text} and {@code
   * label}. JSON is read to its end, as any of its rows may have more.
   *
   * @throws LorikeetException when it cannot be read
   */
  public static List<String> columns(String source) {
    Selection none = new Selection("\0", null, List.of(), List.of());
    try (Rows rows = Sources.open(source, none, false)) {
      rows.next();
      return List.of();
    } catch (UnknownColumn e) {
      return e.available();
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
   * @param labels all labels in the order of their ids, where the rows are vectors or columns of
   *     zeros and ones: the columns' names, or the vectors' places from 0; else empty
   * @param vectors whether the rows' labels are vectors, whose places have no names
   */
  public record DataSet(
      List<Example> examples,
      int skipped,
      List<String> reports,
      List<String> labels,
      boolean vectors) {
    public DataSet {
      examples = List.copyOf(examples);
      reports = List.copyOf(reports);
      labels = List.copyOf(labels);
    }

    /**
     * The same with names for the places of vectors; where the labels are none it is this.
     *
     * @throws LorikeetException when there are more or fewer names than places
     */
    public DataSet named(List<String> names) {
      if (!vectors) {
        return this;
      }
      if (names.size() != labels.size()) {
        throw new LorikeetException(
            ("the labels are vectors of " + labels.size() + ", and the model has ")
                + (names.size() + " labels: " + Labels.some(names)));
      }
      List<Example> named = examples.stream().map(example -> named(example, names)).toList();
      return new DataSet(named, skipped, reports, names, true);
    }

    private Example named(Example example, List<String> names) {
      return example.withLabels(
          example.labels().stream().map(label -> names.get(labels.indexOf(label))).toList());
    }
  }

  /**
   * Reads a whole data set.
   *
   * @param source a file, a folder, standard input, or {@code sql:} and a query
   * @param format what is made of a row
   * @throws LorikeetException when the file is missing, unreadable, not UTF-8 or without a good
   *     row, or when a row is malformed and {@code onBadRow} is FAIL; the message has file and line
   *     (of a Parquet file or a query the number of the row); or when a query is anything else than
   *     one SELECT
   * @throws UsageException when a column is unknown, the task has no use for one, or the ending of
   *     the file is unknown
   */
  public static DataSet read(String source, Columns columns, RowFormat format, OnBadRow onBadRow) {
    List<Example> examples = new ArrayList<>();
    List<String> reports = new ArrayList<>();
    int skipped = 0;
    try (ExampleRows rows = open(source, columns, format)) {
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
      if (examples.isEmpty()) {
        throw new LorikeetException(
            Sources.name(source) + (": all " + skipped + " rows are bad; first " + reports.get(0)));
      }
      return rows.parser().finish(Sources.name(source), examples, skipped, reports);
    }
  }

  /**
   * Opens a data set whose rows are read one after the other, in bounded memory. Labels that are
   * vectors of zeros and ones are given as they are.
   *
   * @param source a file, a folder, standard input, or {@code sql:} and a query
   * @param format what is made of a row
   * @throws LorikeetException when the file is missing, unreadable or not UTF-8
   * @throws UsageException as {@link #read}
   */
  public static ExampleRows open(String source, Columns columns, RowFormat format) {
    format.mustFit(columns);
    Rows rows = Sources.open(source, columns.selection(), format.readsImages());
    return new ExampleRows(
        Sources.name(source),
        rows,
        format.parser(columns, rows.areFlat(), pictures(source, format)));
  }

  /** Where the names of images begin: in the data set's folder. */
  private static Path pictures(String source, RowFormat format) {
    Path file = format.readsImages() ? Sources.file(source) : null;
    if (file == null) {
      return Path.of("");
    }
    return Files.isDirectory(file) ? file : file.resolveSibling("");
  }

  /**
   * The file that a source is, whole; null where it is a query, a folder or standard input, or
   * where it is not there.
   */
  public static @Nullable Path file(String source) {
    Path file = Sources.file(source);
    return file != null && Files.isRegularFile(file) ? file : null;
  }

  /** Whether a source is a folder, so that the number of a row alone does not tell it. */
  public static boolean isFolder(String source) {
    Path file = Sources.file(source);
    return file != null && Files.isDirectory(file);
  }
}
