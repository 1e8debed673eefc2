package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;

/** How rows become examples: which columns there may be, and what is made of a row. */
public abstract class RowFormat {
  private final String task;

  /**
   * A format.
   *
   * @param task what errors call it
   */
  protected RowFormat(String task) {
    this.task = task;
  }

  /** What errors call it. */
  protected String task() {
    return task;
  }

  /**
   * Checks that there is a use for all columns, and those that are needed.
   *
   * @throws UsageException when not
   */
  protected abstract void mustFit(DataReader.Columns columns);

  /**
   * What makes examples of the rows of one data set.
   *
   * @param flat whether cells are strings only (CSV, TSV), so that several labels share one
   * @param folder where the names of files begin
   */
  protected abstract RowParser parser(DataReader.Columns columns, boolean flat, Path folder);

  /** Whether a row names a picture, so that a folder may be one of pictures. */
  protected boolean readsImages() {
    return false;
  }

  // ---- what most refuse ----

  /** Refuses lists of messages. */
  protected final void mustHaveNoChats(DataReader.Columns columns) {
    if (columns.chats()) {
      throw new UsageException(task + " takes texts, not chats: give --text");
    }
  }

  /** Refuses columns of labels. */
  protected final void mustHaveNoLabels(DataReader.Columns columns) {
    if (!columns.labels().isEmpty()) {
      throw new UsageException(
          task + " takes no labels: leave column \"" + columns.label() + "\" out");
    }
  }

  /** Refuses more than one column of labels. */
  protected final void mustHaveOneLabelColumn(DataReader.Columns columns) {
    if (columns.labels().size() > 1) {
      throw new UsageException(
          ("several columns of labels (" + columns.label() + ") are for ")
              + "sequence-classification with --problem-type multi_label_classification: name one"
              + " column");
    }
  }

  /** Refuses a second text. */
  protected final void mustBeSingle(DataReader.Columns columns) {
    if (columns.textPair() != null) {
      throw new UsageException(
          task + " takes single texts, not column \"" + columns.textPair() + "\" as well");
    }
  }

  /** Makes an example of a row. */
  @FunctionalInterface
  protected interface Parsing {
    /**
     * An example.
     *
     * @throws BadRow when something is wrong with the row
     */
    Example parse(Rows.Row row) throws BadRow;
  }

  /** A parser whose rows know nothing of one another. */
  protected static RowParser parser(Parsing parsing) {
    return new RowParser() {
      @Override
      protected Example parse(Rows.Row row, String place) throws BadRow {
        return parsing.parse(row);
      }
    };
  }
}
