package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Rows;
import java.util.List;

/** Makes an {@link Example} of each row of a data set, or says what is wrong with the row. */
public abstract class RowParser {
  /**
   * An example of a row that could be read.
   *
   * @param place where the row is, as errors say it
   * @throws BadRow when something is wrong with it
   */
  protected abstract Example parse(Rows.Row row, String place) throws BadRow;

  /** An example of a row. */
  final Example example(Rows.Row row, String place) throws BadRow {
    if (row.problem() != null) {
      throw new BadRow(row.problem());
    }
    return parse(row, place);
  }

  /** The data set of all examples, now that it is known how their labels are written. */
  protected DataReader.DataSet finish(
      String source, List<Example> examples, int skipped, List<String> reports) {
    return new DataReader.DataSet(examples, skipped, reports, List.of(), false);
  }
}
