package dev.lorikeet.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/**
 * The flags of training: those of the whole run here, the rest by what they are about. Each sets a
 * key of the recipe, over what the recipe's file says; {@code --set} comes last and reaches every
 * key.
 */
@Command
final class TrainFlags {
  private final RecipeTree flags = new RecipeTree();

  @Mixin private final ExampleFlags examples = new ExampleFlags();
  @Mixin private final AdapterFlags adapter = new AdapterFlags();
  @Mixin private final StepFlags steps = new StepFlags();
  @Mixin private final RunFlags run = new RunFlags();
  @Mixin private final RateFlags rates = new RateFlags();
  @Mixin private final RegularizationFlags regularization = new RegularizationFlags();

  @Parameters(arity = "0..1", paramLabel = "RECIPE", description = "A YAML recipe.")
  private @Nullable Path recipe;

  @Option(
      names = "--set",
      order = 199,
      paramLabel = "KEY=VALUE",
      description = "Set any key of the recipe.")
  private List<String> assignments = List.of();

  /** The recipe's keys, the flags' over the file's. */
  RecipeTree tree() {
    return tree(null);
  }

  /** The recipe's keys, that file's where one is given. */
  RecipeTree tree(@Nullable Path other) {
    RecipeTree tree = new RecipeTree();
    for (Path file : Arrays.asList(recipe, other)) {
      if (file != null) {
        tree.load(file);
      }
    }
    tree.merge(flags);
    tree.merge(examples.tree());
    tree.merge(adapter.tree());
    tree.merge(steps.tree());
    tree.merge(run.tree());
    tree.merge(rates.tree());
    tree.merge(regularization.tree());
    assignments.forEach(tree::assign);
    return tree;
  }

  /** The recipe's key that a flag sets; null where it is none, or sets several. */
  static @Nullable String keyOf(String flag) {
    if (flag.equals("--set")) {
      return null;
    }
    TrainFlags fresh = new TrainFlags();
    try {
      CommandLine command = new CommandLine(fresh);
      OptionSpec option = command.getCommandSpec().findOption(flag);
      command.parseArgs(option == null || option.arity().max() == 0 ? flag : flag + "=0");
    } catch (ParameterException e) {
      return null;
    }
    return fresh.tree().onlyPath();
  }

  @Option(
      names = "--model",
      order = 101,
      paramLabel = "MODEL",
      description = "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub.")
  void model(String value) {
    flags.set("model", value);
  }

  @Option(
      names = "--output",
      order = 102,
      paramLabel = "DIR",
      description = "Where to write the result.")
  void output(String value) {
    flags.set("output", value);
  }

  @Option(
      names = "--precision",
      order = 901,
      paramLabel = "TYPE",
      description = "float32, bfloat16, float16 or auto.")
  void precision(String value) {
    flags.set("precision", value);
  }

  @Option(
      names = "--device",
      order = 902,
      paramLabel = "DEVICE",
      description = "auto, cpu or cuda:N.")
  void device(String value) {
    flags.set("device", value);
  }

  @Option(
      names = "--threads",
      order = 903,
      paramLabel = "N",
      description = "CPU threads; unless given, OMP_NUM_THREADS, else all CPUs.")
  void threads(String value) {
    flags.set("threads", value);
  }

  @Option(
      names = "--seed",
      order = 904,
      paramLabel = "N",
      description = "Of everything that is drawn.")
  void seed(String value) {
    flags.set("seed", value);
  }

  @Option(
      names = "--initialization",
      order = 1001,
      paramLabel = "NAME",
      description = "Of weights from scratch: paper, xavier or he.")
  void initialization(String value) {
    flags.set("initialization", value);
    flags.set("baseline.initialization", value);
  }

  @Option(
      names = "--baseline",
      order = 1002,
      paramLabel = "scratch",
      description = "What to compare with.")
  void baseline(String value) {
    flags.set("baseline.kind", value);
  }

  @Option(
      names = "--baseline-lr",
      order = 1003,
      paramLabel = "RATE",
      description = "Its learning rate.")
  void baselineLr(String value) {
    flags.set("baseline.lr", value);
  }
}
