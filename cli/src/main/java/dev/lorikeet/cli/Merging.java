package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.ModelOptions;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Opens models to be written out again. */
final class Merging {
  private Merging() {}

  /** A base and its adapter on the CPU, in the type that the base is stored in. */
  static TextModel open(Path model, @Nullable Path adapter, boolean anyBase) {
    Checkpoint checkpoint = Checkpoint.open(model);
    String first = checkpoint.names().iterator().next();
    ModelOptions options = ModelOptions.DEFAULT.withPrecision(checkpoint.dtype(first));
    return TextModel.open(model, adapter, options, null, anyBase);
  }

  /** Writes the model merged, and tells what rounding did to the adapter. */
  static void save(TextModel open, Output output, Console console) {
    MergeReceipt receipt = output.written(open::saveMerged);
    ObjectNode results =
        JsonNodeFactory.instance.objectNode().put("output", output.folder().toString());
    String told = "merged checkpoint written to " + output.folder();
    if (receipt != null) {
      double rounding = receipt.largestRoundingOfUpdate();
      results.put("merged_tensors", receipt.changes().size());
      results.put("largest_rounding_of_update", rounding);
      told =
          String.format(
              Locale.ROOT,
              "%d tensors merged; rounding is at most %.2g of an update's norm (%s)%n%s",
              receipt.changes().size(),
              rounding,
              MergeReceipt.FILE,
              told);
    }
    console.print(results, told);
  }
}
