package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.UsageException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a recipe to begin with. */
@Command(
    name = "new",
    description = {
      "Write a commented recipe that train runs.",
      "It looks at the data and fills in their columns. Without data it is the embedded topics',"
          + " without a model the embedded MiniLM's."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class NewCommand implements Callable<Integer> {
  /** The word in the name of a training file. */
  private static final Pattern TRAIN = Pattern.compile("train(?=[^/\\\\]*$)");

  private static final List<String> HELD_OUT =
      List.of("eval", "validation", "valid", "val", "dev", "test");

  @Mixin private Console console;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description = "Unless given, the one that the data's columns are for.")
  private @Nullable String task;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description = "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub.")
  private @Nullable String model;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "Training examples, in any form that train reads but standard input.")
  private @Nullable String data;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "A key of the recipe, as data.text=COLUMN.")
  private List<String> assignments = List.of();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      defaultValue = "recipe.yaml",
      description = "The recipe to write.")
  private Path output;

  @Mixin private OverwriteFlag overwrite;

  @Override
  public Integer call() {
    OutputFolder.checkFile(output, overwrite.isGiven());
    if (task != null) {
      Tasks.named(task);
    }
    RecipeTree tree = new RecipeTree();
    assignments.forEach(tree::assign);
    NewRecipe recipe = new NewRecipe(tree.root(), output);
    String source = data == null ? embeddedData() : data;
    evaluation(source).ifPresent(recipe::evaluatedOn);
    String checkpoint = model == null ? embeddedModel(source) : model;
    String text = recipe.of(task, checkpoint, config(checkpoint), FoundColumns.of(source));
    OutputFolder.writeFile(output, stream -> stream.write(text.getBytes(StandardCharsets.UTF_8)));
    console.print(
        JsonNodeFactory.instance.objectNode().put("output", output.toString()),
        "written to " + output + "; try next: ./lorikeet train " + output);
    return 0;
  }

  /** The evaluation data beside {@code train.csv} and its like, named likewise. */
  private static Optional<Path> evaluation(String source) {
    return HELD_OUT.stream()
        .map(name -> TRAIN.matcher(source).replaceFirst(name))
        .filter(file -> !file.equals(source) && !file.contains(":"))
        .map(Path::of)
        .filter(Files::exists)
        .findFirst();
  }

  private ModelConfig config(String checkpoint) {
    Path config = Folders.config(checkpoint, console.messages());
    return Files.isDirectory(config) ? ModelConfig.read(config) : ModelConfig.readFile(config);
  }

  private String embeddedData() {
    if (task != null && !task.equals(RecipeKeys.Top.DEFAULT.task())) {
      throw new UsageException(
          "there are no embedded data for " + task + ": give --data, with rows for it");
    }
    Path folder = Home.writable().resolve("wordnet");
    if (!Files.exists(folder.resolve("train.jsonl"))) {
      console.say("data " + DemoData.ARTIFACT + ", written to " + folder);
      DemoData.write(folder, DemoData.TRAIN_PER_TOPIC, 1);
    }
    return folder.resolve("train.jsonl").toString();
  }

  /** MiniLM, which is an encoder of texts. */
  private String embeddedModel(String source) {
    String of =
        task == null
            ? FoundColumns.of(source).task(JsonNodeFactory.instance.objectNode(), null)
            : task;
    if (!List.of("sequence-classification", "token-classification", "masked-lm").contains(of)) {
      throw new UsageException(
          "the embedded model, " + MiniLm.NAME + ", is not for " + of + ": give --model");
    }
    return MiniLm.cached(console::say).toString();
  }
}
