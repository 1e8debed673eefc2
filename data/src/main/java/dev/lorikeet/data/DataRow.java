package dev.lorikeet.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One row of a data set: an example, or what is wrong with it.
 *
 * @param number the line where the row starts, from 1; of a Parquet file, a query or a folder the
 *     number of the row
 * @param place the source with the number, as errors say it
 * @param example null when the row is malformed
 * @param problem what is wrong with a malformed row; null for a good one
 * @param kept the columns that are passed through, by their names; null values where a row lacks
 *     one, and none at all of a row that cannot be read
 */
public record DataRow(
    long number,
    String place,
    @Nullable Example example,
    @Nullable String problem,
    Map<String, JsonNode> kept) {

  /** Where the row is and what is wrong with it. */
  public String report() {
    return place + ": " + problem;
  }

  /**
   * The example of a good row.
   *
   * @throws LorikeetException when the row is malformed
   */
  public Example mustBeGood() {
    if (example == null) {
      throw new LorikeetException(report() + "; mend the row, or have bad rows skipped");
    }
    return example;
  }
}
