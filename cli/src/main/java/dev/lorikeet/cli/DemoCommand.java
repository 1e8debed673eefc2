package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.WordNetGlosses;
import dev.lorikeet.export.Parity;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.torch.Torch;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The main job on the embedded default: fine-tunes MiniLM on WordNet's glosses, trains the same
 * architecture from random weights beside it, merges, exports, and checks the export.
 */
@Command(
    name = "demo",
    description = "Fine-tune the embedded model on the embedded data, and see what that buys.",
    sortOptions = false,
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  private static final double TOLERANCE = 1e-4;

  @Mixin private Console console;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description = "Where to write; unless given, demo in Lorikeet's cache folder.")
  private @Nullable Path output;

  @Mixin private CpuThreads threads;

  @Override
  public Integer call() {
    long start = System.nanoTime();
    Path folder = output == null ? Home.writable().resolve("demo") : output;
    OutputFolder.check(folder);
    Torch.threads(threads.number());
    Path model = MiniLm.cached(console::say);
    Recipe recipe = recipe(model, folder);
    LoadedData data = data(recipe, folder);

    Comparison comparison = new Comparison();
    train("fine-tune", recipe.config(), recipe, data, comparison);
    train("scratch", CompareCommand.baseline(recipe), recipe, data, comparison);
    Parity parity = export(model, folder, data);

    ObjectNode results = JsonNodeFactory.instance.objectNode();
    results.set("runs", comparison.json());
    ExportCommand.put(results, parity);
    double seconds = (System.nanoTime() - start) / 1e9;
    results.put("seconds", seconds).put("output", folder.toString());
    console.print(results, summary(comparison, parity, seconds, model, folder));
    return 0;
  }

  /** The recipe in {@code demo.yaml}, which users may copy. */
  private static Recipe recipe(Path model, Path folder) {
    RecipeTree tree = RecipeTree.resource("demo.yaml");
    tree.set("model", model.toString());
    tree.set("output", folder.resolve("adapter").toString());
    tree.set("data.train", folder.resolve("data/train.jsonl").toString());
    tree.set("data.eval", folder.resolve("data/eval.jsonl").toString());
    return Recipe.read(tree.root());
  }

  private LoadedData data(Recipe recipe, Path folder) {
    console.say("data " + DemoData.ARTIFACT + ": " + WordNetGlosses.LICENCE);
    DemoData.check(new Output(folder.resolve("data"), false));
    DemoData.write(
        folder.resolve("data"), DemoData.TRAIN_PER_TOPIC, recipe.config().training().seed());
    return LoadedData.read(recipe, Path.of(recipe.model()), null, console);
  }

  private void train(
      String name, FineTuningConfig config, Recipe recipe, LoadedData data, Comparison comparison) {
    FineTuning tuning =
        new FineTuning(Path.of(recipe.model()), config)
            .listener(new ProgressBar(console.messages(), name));
    try (TextModel tuned = tuning.train(data.train(), data.eval())) {
      comparison.add(name, tuning.result());
      if (tuned.adapter() != null && recipe.output() != null) {
        tuned.save(
            recipe.output(), Outputs.runRecord(recipe, data, Comparison.json(tuning.result())));
        console.say("adapter written to " + recipe.output());
      }
    }
  }

  /**
   * Opens what was saved, merges it, and exports it once ONNX Runtime agrees on all evaluation
   * texts.
   */
  private Parity export(Path model, Path folder, LoadedData data) {
    try (TextModel saved =
        TextModel.open(model, folder.resolve("adapter"), ModelOptions.DEFAULT, null)) {
      Parity parity =
          saved.exportOnnx(folder.resolve("onnx"), data.eval(), TOLERANCE).orElseThrow();
      saved.saveMerged(folder.resolve("merged"));
      console.say("merged checkpoint and ONNX model written beside it");
      return parity;
    }
  }

  private static String summary(
      Comparison comparison, Parity parity, double seconds, Path model, Path folder) {
    return String.join(
        "\n",
        "",
        comparison.table(),
        ExportCommand.text(parity),
        String.format(Locale.ROOT, "%.0f s in all; results in %s", seconds, folder),
        "",
        "Try next:",
        "  ./lorikeet predict --model "
            + model
            + " --adapter "
            + folder.resolve("adapter")
            + " --data "
            + folder.resolve("data/eval.jsonl"),
        "  ./lorikeet adapter inspect " + folder.resolve("adapter"),
        "  ./lorikeet train --model "
            + model
            + " --data YOUR.jsonl --eval-data HELD.jsonl --text text --label label --output OUT");
  }
}
