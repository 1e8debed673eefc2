package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.lora.LoraInit;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Checkpoints;
import dev.lorikeet.training.IntervalStrategy;
import dev.lorikeet.training.RunInterrupted;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingPlan;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import dev.lorikeet.training.tracking.Tracking;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains a model and writes what was trained. */
@Command(
    name = "train",
    abbreviateSynopsis = true,
    description = "Fine-tune a checkpoint on labelled texts.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TrainCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private TrainFlags flags;
  @Mixin private OverwriteFlag overwrite;

  @Option(
      names = "--dry-run",
      description = "Print the parameter groups, rates and steps; train and write nothing.")
  private boolean dryRun;

  @Option(
      names = "--resume",
      description = "Go on from the newest checkpoint, OUTPUT.checkpoints/checkpoint-STEP.")
  private boolean resume;

  @Option(
      names = "--adapter",
      paramLabel = "ADAPTER",
      description = {
        "Go on from this adapter's weights, in a new run.",
        "Its method and shape stay; base, task, columns and length are its run's unless given."
      })
  private @Nullable String adapter;

  @Override
  public Integer call() {
    ObjectNode tree = flags.tree().root();
    TrainedAdapter start =
        adapter == null ? null : TrainedAdapter.open(adapter, console.messages());
    if (start != null) {
      start.complete(tree, console.messages());
    }
    Recipe read = start == null ? Recipe.read(tree) : start.in(Recipe.read(tree));
    Output output = output(read);
    Torch.threads(read.threads());
    Path model = Folders.model(read.model(), console.messages());
    Recipe recipe = read.fitting(model, tree);
    if (output != null) {
      Outputs.mustNotReplaceInput(output, recipe.config(), model);
    }
    FineTuning tuning = new FineTuning(model, recipe.config());
    console.say("settings: " + (dryRun ? recipe.json() : Summary.settings(recipe)));
    if (start != null) {
      if (output != null) {
        output.check(ResultKind.ADAPTER, start.folder());
      }
      console.say(start.told(recipe));
      tuning.startingFrom(start.adapter());
    }
    if (!dryRun) {
      tuning.readAhead();
    }
    LoadedData data = LoadedData.read(recipe, model, tuning.knownLabels(), console);
    tuning.labelNames(data.labels());
    ProgressBar bar = new ProgressBar(console.messages(), recipe.config().method());
    if (output == null || dryRun) {
      TrainingPlan plan = tuning.listener(bar).plan(data.train(), data.eval());
      console.print(DryRun.json(plan), DryRun.text(plan));
      return 0;
    }
    sayWhatIsTakenOut(recipe.config());
    Checkpoints checkpoints =
        Checkpoints.in(Outputs.checkpoints(output.folder()))
            .resuming(resume)
            .messages(console::say);
    try (CtrlC ctrlC = new CtrlC(console);
        Tracking tracking = Trackers.of(recipe, output.folder(), bar::say)) {
      tuning
          .listener(TrainingListener.of(bar, tracking))
          .checkpoints(checkpoints.stoppingWhen(ctrlC::isPressed));
      return train(tuning, recipe, start, data, output, checkpoints, tracking);
    }
  }

  private @Nullable Output output(Recipe recipe) {
    Path folder = recipe.output();
    if (folder == null) {
      if (dryRun) {
        return null;
      }
      throw new UsageException("recipe: output is missing: give --output, or the key in a recipe");
    }
    Output output = new Output(folder, overwrite.isGiven());
    output.check(Outputs.kind(recipe.config()));
    return output;
  }

  private int train(
      FineTuning tuning,
      Recipe recipe,
      @Nullable TrainedAdapter start,
      LoadedData data,
      Output output,
      Checkpoints checkpoints,
      Tracking tracking) {
    try (TextModel tuned = tuning.train(data.train(), data.eval())) {
      ObjectNode results = Comparison.json(tuning.result());
      Truncation.put(results, "", tuning.truncatedTraining());
      Truncation.put(results, "eval_", tuning.truncatedHeld());
      ObjectNode record = Outputs.runRecord(recipe, data, results);
      if (start != null) {
        start.write(record);
      }
      output.write(place -> tuned.save(place, record));
      tracking.end(Outcome.FINISHED);
      console.print(results, Summary.text(tuning, tuned, output.folder()));
    } catch (RunInterrupted e) {
      tracking.end(Outcome.KILLED);
      console.say(e.getMessage() + "; the same command with --resume goes on from there");
      return CtrlC.STATUS;
    }
    if (recipe.config().training().checkpoint().saveStrategy() == IntervalStrategy.NO) {
      checkpoints.deleteAll(); // of an interruption, which is over
    }
    return 0;
  }

  /** Starts that take a part of each weight out train another base than the saved one's. */
  private void sayWhatIsTakenOut(FineTuningConfig config) {
    if (config.regime() == Regime.ADAPTER
        && config.adapter() instanceof LoraConfig lora
        && lora.init().changesBase()) {
      console.say(
          "init_lora_weights "
              + lora.init().id()
              + (lora.init().kind() == LoraInit.Kind.LOFTQ
                  ? " trains what quantisation would lose of each weight; the base stays as it"
                      + " is, and the result is saved as an ordinary LoRA of rank "
                  : " trains the leading part of each weight; saved as an ordinary LoRA of rank"
                      + " ")
              + lora.saved().r()
              + " on the unchanged base");
    }
  }
}
