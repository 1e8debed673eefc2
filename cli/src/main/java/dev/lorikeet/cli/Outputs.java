package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.OutputFolder;
import java.nio.file.Path;

/** What commands write beside their results. */
final class Outputs {
  private Outputs() {}

  /**
   * Finds out before a long run whether its result can be written.
   *
   * @throws dev.lorikeet.torch.LorikeetException when it cannot
   */
  static void mustBeWritable(Path folder) {
    OutputFolder.check(folder);
  }

  /** Where the checkpoints of a run lie: beside its output, which is written at its end. */
  static Path checkpoints(Path output) {
    Path folder = output.toAbsolutePath().normalize();
    return folder.resolveSibling(folder.getFileName() + ".checkpoints");
  }

  /** What {@code lorikeet.json} says of a run: settings, data, results. */
  static ObjectNode runRecord(Recipe recipe, LoadedData data, ObjectNode results) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.set("settings", recipe.json());
    json.set("data", data.json());
    json.set("results", results);
    return json;
  }
}
