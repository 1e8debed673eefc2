package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Cell;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What cells hold, each read as it must be; a row with another is bad. */
public final class Cells {
  private Cells() {}

  /** A text that is not blank. */
  public static String text(String name, Cell cell) throws BadRow {
    String text = string(name, cell);
    if (text.isBlank()) {
      throw bad(name, "is empty");
    }
    return text;
  }

  /** A string. */
  public static String string(String name, Cell cell) throws BadRow {
    return switch (cell.kind()) {
      case STRING -> cell.values().get(0);
      case MISSING, NULL -> throw bad(name, "is " + cell.kind());
      default -> throw bad(name, "is " + cell.kind() + ", not a string");
    };
  }

  /** The one label of a cell. */
  static String oneLabel(String name, Cell cell, String otherwise) throws BadRow {
    return switch (cell.kind()) {
      case SCALAR -> cell.values().get(0);
      case STRING -> text(name, cell);
      case MISSING, NULL -> throw bad(name, "is " + cell.kind());
      default -> throw bad(name, "is " + cell.kind() + otherwise);
    };
  }

  static List<String> split(String text, String separator) {
    return text.isEmpty() ? List.of() : Arrays.asList(text.split(separator, -1));
  }

  static List<String> noneBlank(String name, List<String> items) throws BadRow {
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i).isBlank()) {
        throw bad(name, "is empty at place " + (i + 1) + " of " + items.size());
      }
    }
    return items;
  }

  /** Whether a label is a number that float32 can hold. */
  static boolean isNumber(String label) {
    try {
      return Float.isFinite(new BigDecimal(label.strip()).floatValue());
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** Whether a number has digits behind the point that are not all zero. */
  static boolean isFraction(String label) {
    try {
      return new BigDecimal(label.strip()).stripTrailingZeros().scale() > 0;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** What is wrong with a column of a row. */
  public static BadRow bad(@Nullable String name, String problem) {
    return BadRow.of(name, problem);
  }
}
