package dev.lorikeet.cli;

import dev.lorikeet.cli.RecipeKeys.RecipeKey;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * The flags of training, made of {@link RecipeKeys}. Each sets a key of the recipe, over what the
 * recipe's file says; {@code --set} comes last and reaches every key.
 */
@Command
final class TrainFlags {
  private @Nullable CommandSpec command;

  @Parameters(arity = "0..1", paramLabel = "RECIPE", description = "A YAML recipe.")
  private @Nullable Path recipe;

  @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Set any key of the recipe.")
  private List<String> assignments = List.of();

  /** Adds the flags to the command that these are mixed into. */
  @Spec(Spec.Target.MIXEE)
  void addTo(CommandSpec mixee) {
    command = mixee;
    for (RecipeKey key : RecipeKeys.all()) {
      String flag = key.component().flag();
      if (flag != null) {
        mixee.addOption(option(flag, key));
      }
    }
  }

  private static OptionSpec option(String flag, RecipeKey key) {
    OptionSpec.Builder option =
        OptionSpec.builder(flag).userObject(key).description(key.component().doc());
    if (key.component().isSwitch()) {
      return option.type(boolean.class).build();
    }
    option.paramLabel(key.component().label());
    return key.component().form().hasEntries()
        ? option.type(List.class).auxiliaryTypes(String.class).build()
        : option.type(String.class).build();
  }

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
    RecipeTree flags = new RecipeTree();
    for (OptionSpec option :
        Objects.requireNonNull(command).commandLine().getParseResult().matchedOptions()) {
      if (option.userObject() instanceof RecipeKey key) {
        set(flags, key, option.getValue());
      }
    }
    tree.merge(flags);
    assignments.forEach(tree::assign);
    return tree;
  }

  private static void set(RecipeTree tree, RecipeKey key, Object typed) {
    if (typed instanceof List<?> entries) {
      entries.forEach(entry -> tree.setEntry(key.path(), entry.toString()));
      return;
    }
    tree.set(key.path(), typed.toString());
    if (key.path().equals("initialization")) {
      tree.set("baseline.initialization", typed.toString());
    }
  }
}
