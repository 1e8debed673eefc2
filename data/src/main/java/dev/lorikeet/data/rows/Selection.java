package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.lorikeet.torch.Nearest;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which columns of a source are read, and as what.
 *
 * @param text the first text
 * @param textPair the second text; null when texts are single
 * @param labels the columns of labels
 * @param kept the columns that are passed through as they are
 */
public record Selection(
    String text, @Nullable String textPair, List<String> labels, List<String> kept) {
  public Selection {
    labels = List.copyOf(labels);
    kept = List.copyOf(kept);
  }

  /** The names of those columns that are given, each once. */
  List<String> names() {
    Set<String> names = new LinkedHashSet<>(List.of(text));
    if (textPair != null) {
      names.add(textPair);
    }
    names.addAll(labels);
    names.addAll(kept);
    return List.copyOf(names);
  }

  /**
   * A row of what these columns hold.
   *
   * @param values by the names of columns, null where the row lacks one
   */
  Rows.Row row(long number, Function<String, @Nullable JsonNode> values) {
    Map<String, JsonNode> passed = new LinkedHashMap<>();
    for (String name : kept) {
      JsonNode value = values.apply(name);
      passed.put(name, value == null ? NullNode.getInstance() : value);
    }
    return new Rows.Row(
        number,
        null,
        Cell.of(values.apply(text)),
        textPair == null ? Cell.MISSING : Cell.of(values.apply(textPair)),
        labels.stream().map(name -> Cell.of(values.apply(name))).toList(),
        passed);
  }

  /**
   * Checks that all columns are there.
   *
   * @throws UnknownColumn when one is not, with those there are
   */
  void require(String source, List<String> available) {
    for (String name : names()) {
      if (!available.contains(name)) {
        throw unknown(source, name, available);
      }
    }
  }

  static UnknownColumn unknown(String source, String name, List<String> available) {
    String problem = source + ": no column \"" + name + "\"";
    if (available.isEmpty()) {
      return new UnknownColumn(problem + ", nor any other", available);
    }
    String nearest = Nearest.of(name, available, 1).get(0);
    String all = String.join(", ", available);
    return new UnknownColumn(problem + "; nearest: " + nearest + "; there are: " + all, available);
  }
}
