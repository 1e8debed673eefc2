package dev.lorikeet.cli;

import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataRow;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleRows;
import dev.lorikeet.data.Labels;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.torch.LorikeetException;
import java.util.List;
import java.util.Optional;

/** Labels of examples that a model does not tell apart. */
final class UnseenLabels {
  private static final String STANDARD_INPUT = "-";

  private UnseenLabels() {}

  /**
   * Checks that all labels are known.
   *
   * @param source where the examples were read; it is read again to find the row of a label that is
   *     not, unless it is standard input
   * @throws LorikeetException naming file, line and label
   */
  static void check(
      List<Example> examples,
      Labels known,
      String source,
      DataReader.Columns columns,
      Task task,
      ProblemType problemType) {
    Optional<String> unseen =
        examples.stream()
            .flatMap(example -> example.labels().stream())
            .filter(label -> !known.names().contains(label))
            .findFirst();
    if (unseen.isEmpty()) {
      return;
    }
    String place =
        source.equals(STANDARD_INPUT)
            ? source
            : place(unseen.get(), source, columns, task, problemType);
    try {
      known.id(unseen.get());
    } catch (LorikeetException e) {
      throw new LorikeetException(place + ": " + e.getMessage(), e);
    }
  }

  private static String place(
      String label, String source, DataReader.Columns columns, Task task, ProblemType problemType) {
    try (ExampleRows rows = DataReader.open(source, columns, task.rows(problemType))) {
      for (DataRow row = rows.next(); row != null; row = rows.next()) {
        if (row.example() != null && row.example().labels().contains(label)) {
          return row.place();
        }
      }
    }
    return source;
  }
}
