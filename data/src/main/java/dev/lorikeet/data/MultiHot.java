package dev.lorikeet.data;

import dev.lorikeet.data.rows.Cell;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Tells vectors of zeros and ones, a place for each label, from lists of labels. Arrays of nothing
 * but 0 and 1 (or false and true), all of one length, at least two, are vectors; other arrays are
 * lists. What could be either is refused.
 */
final class MultiHot {
  private static final Map<String, Boolean> BITS =
      Map.of("0", false, "1", true, "0.0", false, "1.0", true, "false", false, "true", true);

  private boolean possible = true;
  private boolean repeats;
  private int length = -1;
  private @Nullable String firstPlace;
  private @Nullable String otherLength;

  /** Whether 0 or 1, or the words for them in any case, is written; null where it is neither. */
  static @Nullable Boolean bit(String value) {
    return BITS.get(value.strip().toLowerCase(Locale.ROOT));
  }

  /** Looks at the labels of a row. */
  void see(Cell cell, String place) {
    List<String> values = cell.values();
    if (cell.kind() != Cell.Kind.SCALARS || !values.stream().allMatch(BITS::containsKey)) {
      possible = false;
      return;
    }
    repeats |= Set.copyOf(values).size() < values.size();
    if (length < 0) {
      length = values.size();
      firstPlace = place;
    } else if (length != values.size() && otherLength == null) {
      otherLength = "a vector of " + length + " (" + firstPlace + "), and " + values.size();
      otherLength += " (" + place + ")";
    }
  }

  /**
   * How many labels the rows' vectors have; 0 where they are lists of labels.
   *
   * @throws LorikeetException when they may be either, or vectors of several lengths
   */
  int length(String source) {
    if (!possible || length < 0) {
      return 0;
    }
    if (otherLength != null) {
      if (repeats) {
        throw new LorikeetException(
            (source + ": the labels are " + otherLength)
                + ": vectors of 0 and 1 must have a place for each label in every row");
      }
      return 0;
    }
    if (length == 1) {
      throw new LorikeetException(
          source
              + ": the labels are arrays of one 0 or 1 in every row, which may be a vector or a"
              + " label: write the labels' names, [\"spam\"], and [] for none");
    }
    return length;
  }

  /** The labels that a vector says hold, by their places. */
  static Example named(Example example, List<String> names) {
    return example.withLabels(
        IntStream.range(0, names.size())
            .filter(i -> Boolean.TRUE.equals(bit(example.labels().get(i))))
            .mapToObj(names::get)
            .toList());
  }

  /** A list of labels without those that are in it twice. */
  static Example distinct(Example example) {
    Set<String> labels = new LinkedHashSet<>(example.labels());
    return labels.size() == example.labels().size()
        ? example
        : example.withLabels(new ArrayList<>(labels));
  }
}
