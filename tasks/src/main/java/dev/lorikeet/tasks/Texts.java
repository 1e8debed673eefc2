package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The columns of texts, and of pairs of them. */
final class Texts {
  static final String TEXT = "text";
  static final String TEXT_PAIR = "text_pair";

  private Texts() {}

  static Columns columns(Task task, NamedColumns named, List<String> labels) {
    named.mustBeOf(task, TEXT, TEXT_PAIR, NamedColumns.LABEL);
    return new Columns(named.name(TEXT), named.nameOrNull(TEXT_PAIR), labels, false);
  }

  static Map<String, String> keys(Columns columns) {
    return keys(TEXT, columns, TEXT_PAIR);
  }

  /** The first column's key, and that of the second, if there is one. */
  static Map<String, String> keys(String first, Columns columns, String second) {
    Map<String, String> keys = new LinkedHashMap<>();
    keys.put(first, columns.text());
    keys.put(second, columns.textPair());
    return keys;
  }
}
