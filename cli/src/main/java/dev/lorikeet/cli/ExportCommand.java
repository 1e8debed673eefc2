package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.export.Parity;
import dev.lorikeet.models.ResultKind;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model as ONNX. */
@Command(
    name = "export",
    description = "Write a trained model as ONNX: model.onnx, config.json, tokenizer.json.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ExportCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private ModelFlags model;
  @Mixin private DataFlags columns;

  @Mixin private OutputFlags outputFlags;

  @Option(
      names = "--verify-data",
      paramLabel = "FILE",
      description = "Texts on which ONNX Runtime must agree with the trained model.")
  private @Nullable String verifyData;

  @Option(
      names = "--tolerance",
      paramLabel = "DIFFERENCE",
      defaultValue = "1e-4",
      description = "The largest difference of two logits that passes.")
  private double tolerance;

  @Override
  public Integer call() {
    Output output = outputFlags.output();
    output.check(ResultKind.ONNX);
    try (TextModel open = model.open()) {
      open.mustExport();
      List<Example> examples =
          verifyData == null
              ? List.of()
              : columns.unlessGiven(model.settings()).unlabelled(verifyData, open, console);
      Optional<Parity> parity =
          output.written(place -> open.exportOnnx(place, examples, tolerance));
      print(console, output.folder(), parity);
    }
    return 0;
  }

  /** Tells where the export is and how close it came. */
  static void print(Console console, Path output, Optional<Parity> parity) {
    ObjectNode results = JsonNodeFactory.instance.objectNode().put("output", output.toString());
    parity.ifPresent(found -> put(results, found));
    console.print(
        results,
        parity.map(ExportCommand::text).orElse("not checked: give --verify-data to have it checked")
            + "\nONNX model written to "
            + output);
  }

  static void put(ObjectNode results, Parity parity) {
    results.put("largest_logit_difference", parity.largestDifference());
    results.put("changed_labels", parity.changedLabels());
    results.put("verified_rows", parity.rows());
  }

  static String text(Parity parity) {
    return String.format(
        Locale.ROOT,
        "ONNX Runtime on %,d texts: largest logit difference %.2e, %d labels changed",
        parity.rows(),
        parity.largestDifference(),
        parity.changedLabels());
  }
}
