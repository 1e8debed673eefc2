package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import dev.lorikeet.training.tracking.Tracking;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Trains a model and, beside it on the same batches, a baseline from random weights. */
@Command(
    name = "compare",
    abbreviateSynopsis = true,
    description = "Fine-tune, and train a randomly initialised baseline on the same batches.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class CompareCommand implements Callable<Integer> {
  /** The column of the run whose result is kept. */
  static final String FINE_TUNED = "fine-tune";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  @Mixin private Console console;
  @Mixin private TrainFlags flags;

  /** What was remarked about the data, which are the same for both runs. */
  private final Set<String> remarks = new HashSet<>();

  @Mixin private OverwriteFlag overwrite;

  @Override
  public Integer call() {
    ObjectNode tree = flags.tree().root();
    Recipe read = Recipe.read(tree);
    Output output = output(read);
    if (output != null) {
      output.check(Outputs.kind(read.config()));
    }
    Torch.threads(read.threads());
    Path model = Folders.model(read.model(), console.messages());
    Recipe recipe = read.fitting(model, tree);
    console.say("settings: " + Summary.settings(recipe));
    if (output != null) {
      Outputs.mustNotReplaceInput(output, recipe.config(), model);
    }
    LoadedData data = LoadedData.read(recipe, model, null, console);
    Comparison comparison = new Comparison();
    run(FINE_TUNED, model, recipe.config(), recipe, data, comparison, output);
    run("scratch", model, baseline(recipe), recipe, data, comparison, null);
    ObjectNode results = comparison.json();
    if (output != null) {
      OutputFolder.writeFile(
          output.folder().resolve("comparison.json"),
          stream -> stream.write(JSON.writeValueAsBytes(results)));
    }
    console.print(results, comparison.table());
    return 0;
  }

  private @Nullable Output output(Recipe recipe) {
    return recipe.output() == null ? null : new Output(recipe.output(), overwrite.isGiven());
  }

  /** The same task, batches and steps, from random weights. */
  static FineTuningConfig baseline(Recipe recipe) {
    return recipe
        .config()
        .withRegime(Regime.SCRATCH, recipe.baselineInitialization())
        .withTraining(recipe.baselineTraining());
  }

  private void run(
      String name,
      Path model,
      FineTuningConfig config,
      Recipe recipe,
      LoadedData data,
      Comparison comparison,
      @Nullable Output output) {
    ProgressBar bar = new ProgressBar(console.messages(), name).remarkingOnce(remarks);
    FineTuning tuning = new FineTuning(model, config).labelNames(data.labels());
    try (Tracking tracking =
            Trackers.ofCompared(recipe.withConfig(config), name, bar::say).orKilled();
        TextModel tuned =
            tuning.listener(TrainingListener.of(bar, tracking)).train(data.train(), data.eval())) {
      comparison.add(name, tuning.result());
      if (output != null) {
        output.write(
            place ->
                tuned.save(
                    place, Outputs.runRecord(recipe, data, Comparison.json(tuning.result()))));
      }
      tracking.end(Outcome.FINISHED);
    }
  }
}
