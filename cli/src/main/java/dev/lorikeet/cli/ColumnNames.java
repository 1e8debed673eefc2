package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.models.settings.Section;
import dev.lorikeet.tasks.NamedColumns;
import dev.lorikeet.tasks.Task;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The columns that users name, by the keys {@code text}, {@code label}, {@code messages}, ... */
final class ColumnNames {
  private static final String TEXT = "text";
  private static final String TEXT_PAIR = "text_pair";
  private static final String LABEL = "label";
  private static final String MESSAGES = "messages";
  private static final String PROMPT = "prompt";
  private static final String COMPLETION = "completion";
  private static final String TARGET = "target";
  private static final String IMAGE = "image";

  private final Map<String, String> names = new LinkedHashMap<>();
  private List<String> labels = List.of();

  ColumnNames put(String key, @Nullable String name) {
    if (name != null) {
      names.put(key, name);
      if (key.equals(LABEL)) {
        labels = Arrays.stream(name.split(",")).map(String::strip).toList();
      }
    }
    return this;
  }

  /** The columns that a run wrote down, under the keys that {@link #write} gives them. */
  static ColumnNames of(JsonNode data) {
    return data instanceof ObjectNode section ? of(Section.root(section)) : new ColumnNames();
  }

  /**
   * Takes over another's names for what is not named: all columns that are read where none is, and
   * the labels'.
   */
  void unlessGiven(ColumnNames other) {
    boolean isAnyRead = names.keySet().stream().anyMatch(key -> !key.equals(LABEL));
    if (!names.containsKey(LABEL) && other.names.containsKey(LABEL)) {
      names.put(LABEL, other.name(LABEL));
      labels = other.labels;
    }
    if (!isAnyRead) {
      other.names.forEach(names::putIfAbsent);
    }
  }

  static ColumnNames of(Section data) {
    ColumnNames names = new ColumnNames();
    for (String key : new String[] {TEXT, TEXT_PAIR, MESSAGES, PROMPT, COMPLETION, TARGET, IMAGE}) {
      names.put(key, data.text(key, null));
    }
    if (data.isList(LABEL)) {
      List<String> several = data.texts(LABEL);
      names.put(LABEL, String.join(",", several));
      names.labels = several; // a comma in a name is part of it
    } else {
      names.put(LABEL, data.text(LABEL, null));
    }
    return names;
  }

  /**
   * The columns for a task, with its defaults for those that nobody named.
   *
   * @throws dev.lorikeet.torch.UsageException when the task has no use for one, or one is missing
   *     beside another
   */
  Columns columns(Task task) {
    return task.columns(new NamedColumns(names, labels));
  }

  private String name(String key) {
    return names.getOrDefault(key, key);
  }

  /** Writes the names of columns under the keys by which {@link #of} reads them. */
  static void write(Columns columns, Task task, ObjectNode json) {
    task.keys(columns).forEach(json::put);
    writeLabels(columns, json);
  }

  private static void writeLabels(Columns columns, ObjectNode json) {
    String label = columns.label();
    if (label == null || !label.contains(",")) {
      json.put(LABEL, label);
    } else {
      columns.labels().forEach(json.putArray(LABEL)::add);
    }
  }
}
