package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingResult;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import dev.lorikeet.training.tracking.Tracking;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Trains a model and writes what was trained. */
@Command(
    name = "train",
    description = "Fine-tune a checkpoint on labelled texts.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TrainCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private TrainFlags flags;

  @Override
  public Integer call() {
    Recipe recipe = Recipe.read(flags.tree().root());
    Path output = recipe.output();
    if (output == null) {
      throw new UsageException("recipe: output is missing: give --output, or the key in a recipe");
    }
    Outputs.mustBeWritable(output);
    Torch.threads(recipe.threads());
    console.say("settings: " + recipe.json());
    LoadedData data =
        LoadedData.read(
            recipe.data(), recipe.config().task(), recipe.config().problemType(), console);
    FineTuning tuning =
        new FineTuning(Folders.model(recipe.model(), console.messages()), recipe.config());
    sayWhatIsTakenOut(recipe.config());
    ProgressBar bar = new ProgressBar(console.messages(), recipe.config().regime().id());
    try (Tracking tracking = Trackers.of(recipe, output, bar::say);
        TextModel tuned =
            tuning.listener(TrainingListener.of(bar, tracking)).train(data.train(), data.eval())) {
      ObjectNode results = Comparison.json(tuning.result());
      tuned.save(output, Outputs.runRecord(recipe, data, results));
      tracking.end(Outcome.FINISHED);
      console.print(results, text(tuning.result(), output));
    }
    return 0;
  }

  /** Starts that take a part of each weight out train another base than the saved one's. */
  private void sayWhatIsTakenOut(FineTuningConfig config) {
    LoraConfig lora = config.lora();
    if (config.regime() == Regime.LORA && lora.init().changesBase()) {
      console
          .messages()
          .println(
              "init_lora_weights "
                  + lora.init().id()
                  + " trains the leading part of each weight; saved as an ordinary LoRA of rank "
                  + lora.saved().r()
                  + " on the unchanged base");
    }
  }

  private static String text(TrainingResult result, Path output) {
    return new Comparison().add("", result).table() + "written to " + output;
  }
}
