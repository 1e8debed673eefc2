package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.JointTuning;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Checkpoints;
import dev.lorikeet.training.IntervalStrategy;
import dev.lorikeet.training.RunInterrupted;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Trains the adapters of several recipes in one pass over their common model. */
@Command(
    name = "sweep",
    description = {
      "Train the adapters of several recipes at once, on one model.",
      "The rows of all go through the model together; each adapter ends as train alone would leave"
          + " it (without dropout), in its recipe's output."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class SweepCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private OverwriteFlag overwrite;

  @Parameters(
      arity = "1..*",
      paramLabel = "RECIPE",
      description = "Recipes of one model, precision and task; each file's name names its adapter.")
  private List<Path> files = List.of();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Set a key of all recipes, as training.lr=1e-4.")
  private List<String> assignments = List.of();

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "CPU threads; unless given, the first recipe's.")
  private @Nullable Integer threads;

  @Option(
      names = "--resume",
      description =
          "Go on from the newest checkpoint, OUTPUT.checkpoints/checkpoint-STEP of the first recipe.")
  private boolean resume;

  @Override
  public Integer call() {
    Map<String, ObjectNode> trees = trees();
    Map<String, Recipe> recipes = new LinkedHashMap<>();
    trees.forEach((name, tree) -> recipes.put(name, Recipe.read(tree)));
    mustBeWritable(recipes);
    Recipe first = recipes.values().iterator().next();
    Torch.threads(threads == null ? first.threads() : threads);
    Path model = Folders.model(first.model(), console.messages());
    recipes.replaceAll(
        (name, recipe) -> recipe.fitting(model, Objects.requireNonNull(trees.get(name))));
    Map<String, LoadedData> data = new LinkedHashMap<>();
    Map<String, JointTuning.Member> members = new LinkedHashMap<>();
    recipes.forEach(
        (name, recipe) -> {
          console.say("settings of " + name + ": " + Summary.settings(recipe));
          LoadedData own = LoadedData.read(recipe, model, null, console);
          data.put(name, own);
          members.put(
              name,
              new JointTuning.Member(
                  recipe.config(),
                  own.train(),
                  own.eval(),
                  own.labels(),
                  new ProgressBar(console.messages(), name)));
        });
    recipes.forEach(
        (name, recipe) ->
            Outputs.mustNotReplaceInput(output(name, recipe), recipe.config(), model));
    Checkpoints checkpoints =
        Checkpoints.in(Outputs.checkpoints(firstOutput(recipes)))
            .resuming(resume)
            .messages(console::say);
    JointTuning tuning = new JointTuning(model, members);
    try (CtrlC ctrlC = new CtrlC(console);
        JointTuning.Tuned tuned =
            tuning.checkpoints(checkpoints.stoppingWhen(ctrlC::isPressed)).train()) {
      Comparison comparison = new Comparison();
      tuned.results().forEach(comparison::add);
      recipes.forEach(
          (name, recipe) ->
              output(name, recipe)
                  .write(
                      place ->
                          tuned
                              .model(name)
                              .save(
                                  place,
                                  Outputs.runRecord(
                                      recipe,
                                      Objects.requireNonNull(data.get(name)),
                                      Comparison.json(
                                          Objects.requireNonNull(tuned.results().get(name)))))));
      console.print(comparison.json(), comparison.table() + written(recipes));
    } catch (RunInterrupted e) {
      console.say(e.getMessage() + "; the same command with --resume goes on from there");
      return CtrlC.STATUS;
    }
    if (first.config().training().checkpoint().saveStrategy() == IntervalStrategy.NO) {
      checkpoints.deleteAll(); // of an interruption, which is over
    }
    return 0;
  }

  private Path firstOutput(Map<String, Recipe> recipes) {
    Map.Entry<String, Recipe> first = recipes.entrySet().iterator().next();
    return output(first.getKey(), first.getValue()).folder();
  }

  private Map<String, ObjectNode> trees() {
    Map<String, ObjectNode> trees = new LinkedHashMap<>();
    for (Path file : files) {
      RecipeTree tree = new RecipeTree();
      tree.load(file);
      assignments.forEach(tree::assign);
      if (trees.put(name(file), tree.root()) != null) {
        throw new UsageException("two recipes are called " + name(file) + ": rename one");
      }
    }
    return trees;
  }

  /** The file's name without its ending, of characters that an adapter's name may have. */
  private static String name(Path file) {
    return file.getFileName().toString().replaceFirst("\\.[^.]*$", "").replaceAll("[^\\w-]", "_");
  }

  private Output output(String name, Recipe recipe) {
    Path output = recipe.output();
    if (output == null) {
      throw new UsageException(name + ": output is missing: give the key in the recipe");
    }
    return new Output(output.toAbsolutePath().normalize(), overwrite.isGiven());
  }

  /** Each has a place of its own, and one model. */
  private void mustBeWritable(Map<String, Recipe> recipes) {
    Recipe first = recipes.values().iterator().next();
    Map<Path, String> outputs = new LinkedHashMap<>();
    recipes.forEach(
        (name, recipe) -> {
          if (!recipe.model().equals(first.model())) {
            throw new UsageException(
                (name + ": model is " + recipe.model() + ", the first recipe's " + first.model())
                    + ": a sweep trains on one model");
          }
          String other = outputs.put(output(name, recipe).folder(), name);
          if (other != null) {
            throw new UsageException(
                (name + " and " + other + " have the same output, " + recipe.output())
                    + ": give each its own");
          }
          output(name, recipe).check(ResultKind.ADAPTER);
        });
  }

  private static String written(Map<String, Recipe> recipes) {
    List<String> outputs = recipes.values().stream().map(r -> String.valueOf(r.output())).toList();
    return "written to " + String.join(", ", outputs);
  }
}
