package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.cli.RecipeKeys.RecipeKey;
import java.lang.reflect.Member;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.OptionSpec;

/**
 * A command's options as its help lists them: in groups, in the order of the source, with defaults.
 */
final class HelpGroups {
  private static final List<String> HEADINGS =
      List.of(
          "Options",
          "Model and result",
          "Data",
          "Method",
          "Training",
          "Evaluation",
          "Checkpoints",
          "Speed and memory",
          "Watching a run",
          "Precision, device and seed",
          "From scratch",
          "Rates and freezing",
          "Regularization",
          "Output and help");

  private static final int OWN = 0;
  private static final int MODEL = 1;
  private static final int DATA = 2;
  private static final int LAST = HEADINGS.size() - 1;

  private static final Map<Class<?>, Integer> BY_CLASS =
      Map.of(
          ModelFlags.class, MODEL,
          TrainedFlags.class, MODEL,
          BaseFlags.class, MODEL,
          OutputFlags.class, MODEL,
          OverwriteFlag.class, MODEL,
          CpuThreads.class, MODEL,
          DataFlags.class, DATA,
          TrainFlags.class, MODEL,
          Console.class, LAST,
          Lorikeet.class, LAST);

  private HelpGroups() {}

  /** Has a command and all below it list their options so. */
  static void install(CommandLine command) {
    command
        .getHelpSectionMap()
        .put(CommandLine.Model.UsageMessageSpec.SECTION_KEY_OPTION_LIST, HelpGroups::render);
    command.getSubcommands().values().forEach(HelpGroups::install);
  }

  private static String render(Help help) {
    Map<Integer, List<OptionSpec>> groups =
        help.commandSpec().options().stream()
            .filter(option -> !option.hidden())
            .collect(Collectors.groupingBy(HelpGroups::group, TreeMap::new, Collectors.toList()));
    JsonNode defaults = RecipeKeys.defaults();
    StringBuilder text = new StringBuilder();
    groups.forEach(
        (group, options) -> {
          Help.Layout layout = help.createDefaultLayout();
          options.stream()
              .sorted(Comparator.comparing(option -> !(option.userObject() instanceof RecipeKey)))
              .map(option -> withDefault(option, defaults))
              .forEach(option -> layout.addOption(option, help.parameterLabelRenderer()));
          text.append(String.format("%n%s:%n", HEADINGS.get(group))).append(layout);
        });
    return text.toString();
  }

  private static int group(OptionSpec option) {
    if (option.userObject() instanceof RecipeKey key) {
      return HEADINGS.indexOf(key.component().group());
    }
    if (!(option.userObject() instanceof Member member)) {
      return LAST; // --help and --version
    }
    return BY_CLASS.getOrDefault(member.getDeclaringClass(), isOfEveryCommand(option) ? LAST : OWN);
  }

  private static boolean isOfEveryCommand(OptionSpec option) {
    return option.usageHelp() || option.versionHelp();
  }

  private static OptionSpec withDefault(OptionSpec option, JsonNode defaults) {
    String value = option.defaultValue();
    if (value == null && option.userObject() instanceof RecipeKey key) {
      value = recipeDefault(key, defaults);
    }
    String[] description = option.description();
    if (value == null || value.isEmpty() || description.length == 0) {
      return option;
    }
    String[] told = description.clone();
    int last = told.length - 1;
    told[last] =
        told[last].replaceFirst("\\.$", "").replace("%", "%%")
            + " (default: "
            + value.replace("%", "%%")
            + ").";
    return option.toBuilder().description(told).build();
  }

  /** What a recipe has where this flag is not given; null where there is nothing. */
  private static @Nullable String recipeDefault(RecipeKey key, JsonNode defaults) {
    JsonNode value = defaults.at("/" + key.path().replace('.', '/'));
    if (value.isMissingNode() || value.isNull() || value.isContainerNode()) {
      return null;
    }
    return text(value);
  }

  /** A value as users type it. */
  static String text(JsonNode value) {
    return value.isNumber()
        ? value.decimalValue().stripTrailingZeros().toPlainString()
        : value.asText();
  }
}
