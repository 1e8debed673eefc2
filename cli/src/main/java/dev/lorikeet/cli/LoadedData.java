package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A run's examples, read, and what to keep of where they came from. */
record LoadedData(List<Example> train, List<Example> eval, ObjectNode json) {

  /** Reads both data sets; rows that were skipped are told. */
  static LoadedData read(
      Recipe.DataSettings settings, Task task, ProblemType problemType, Console console) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    List<Example> train =
        read(settings.train(), "train", settings, task, problemType, json, console);
    List<Example> eval = read(settings.eval(), "eval", settings, task, problemType, json, console);
    return new LoadedData(train, eval, json);
  }

  private static List<Example> read(
      @Nullable String source,
      String role,
      Recipe.DataSettings settings,
      Task task,
      ProblemType problemType,
      ObjectNode json,
      Console console) {
    if (source == null) {
      return List.of();
    }
    DataSet set =
        DataReader.read(source, settings.columns(), task, problemType, settings.onBadRow());
    tellSkipped(set, source, console);
    ObjectNode entry = json.putObject(role).put("source", source);
    if (Files.isRegularFile(Path.of(source))) {
      entry.put("sha256", FileHash.sha256(Path.of(source)));
    }
    entry.put("examples", set.examples().size()).put("skipped", set.skipped());
    return set.examples();
  }

  static void tellSkipped(DataSet set, String source, Console console) {
    if (set.skipped() > 0) {
      console.say(source + ": skipped " + set.skipped() + " malformed rows, the first of them:");
      set.reports().forEach(report -> console.say("  " + report));
    }
  }
}
