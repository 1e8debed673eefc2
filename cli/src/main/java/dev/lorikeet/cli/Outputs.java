package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.LorikeetException;
import java.nio.file.Path;

/** What commands write beside their results. */
final class Outputs {
  private Outputs() {}

  /** What a run writes. */
  static ResultKind kind(FineTuningConfig config) {
    return isAdapter(config) ? ResultKind.ADAPTER : ResultKind.MODEL;
  }

  private static boolean isAdapter(FineTuningConfig config) {
    return config.regime() == Regime.ADAPTER;
  }

  /**
   * Checks that a run's result takes the place of nothing that the run reads.
   *
   * @param model the checkpoint that is trained
   * @throws dev.lorikeet.torch.LorikeetException when it would, and the user did not say so, or an
   *     adapter would take its base's place
   */
  static void mustNotReplaceInput(Output output, FineTuningConfig config, Path model) {
    if (isAdapter(config) && OutputFolder.isSame(output.folder(), model)) {
      throw new LorikeetException(
          output.folder()
              + " is the base, without which its adapter is nothing: choose another output");
    }
    output.check(kind(config), model);
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
