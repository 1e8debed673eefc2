package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.DataRow;
import dev.lorikeet.data.Example;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The column that names the adapter by which each row is answered; where it is empty, the base
 * answers. Rows of one adapter go through the model together, so every method has its place.
 */
final class AdapterColumn {
  /** The cell of a row that the base answers; no adapter can be called so. */
  private static final String BASE = "";

  private final String column;
  private final Adapters adapters;
  private final Set<String> untrained;

  /**
   * A column of adapters that a model was opened with.
   *
   * @param column its name
   */
  AdapterColumn(String column, TextModel model) {
    this.column = column;
    adapters = Objects.requireNonNull(model.adapters());
    untrained = model.model().newModules();
  }

  /** What the column is called. */
  String column() {
    return column;
  }

  /**
   * Checks that a row names an adapter that there is, or the base where it can answer.
   *
   * @throws LorikeetException when it does not
   */
  void mustName(DataRow row) {
    String name = name(row);
    if (name.equals(BASE) && !untrained.isEmpty()) {
      throw new LorikeetException(
          ("\"" + column + "\" is empty, and the base has no weights for ")
              + (String.join(" and ", untrained) + ": name an adapter; ")
              + whatThereIs());
    }
    if (!name.equals(BASE) && !adapters.names().contains(name)) {
      throw new LorikeetException(
          ("\"" + column + "\" is \"" + name + "\", and no adapter is called so; nearest: ")
              + (Nearest.of(name, adapters.names(), 1).get(0) + "; ")
              + whatThereIs());
    }
  }

  private String whatThereIs() {
    return "there are " + String.join(", ", adapters.names());
  }

  /** The cell that names a row's adapter. */
  JsonNode cell(DataRow row) {
    return row.kept().getOrDefault(column, NullNode.getInstance());
  }

  private String name(DataRow row) {
    JsonNode cell = cell(row);
    if (cell.isContainerNode()) {
      return cell.toString();
    }
    return cell.isNull() ? BASE : cell.asText();
  }

  /** The answers to rows with examples, in their order, each by the row's adapter. */
  List<Answer> answers(List<DataRow> rows, Answering answering) {
    Map<String, List<Integer>> byName = new LinkedHashMap<>();
    for (int i = 0; i < rows.size(); i++) {
      byName.computeIfAbsent(name(rows.get(i)), name -> new ArrayList<>()).add(i);
    }
    Answer[] answers = new Answer[rows.size()];
    byName.forEach(
        (name, indices) -> {
          adapters.activate(name.equals(BASE) ? List.of() : List.of(name));
          List<Example> examples = indices.stream().map(i -> rows.get(i).mustBeGood()).toList();
          List<Answer> some = answering.of(examples);
          for (int i = 0; i < some.size(); i++) {
            answers[indices.get(i)] = some.get(i);
          }
        });
    return Arrays.asList(answers);
  }
}
