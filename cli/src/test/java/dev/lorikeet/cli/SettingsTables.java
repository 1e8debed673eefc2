package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.lora.EvaConfig;
import dev.lorikeet.lora.LoftqConfig;
import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Component;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.TrainingConfig;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The tables of docs/training.md, made of the records. */
final class SettingsTables {
  private static final Pattern TABLE =
      Pattern.compile("(<!-- settings: ([^\n]*?) -->\n).*?(?=<!-- end -->)", Pattern.DOTALL);

  private SettingsTables() {}

  /** A page with its tables made anew. */
  static String fill(String page) {
    return TABLE
        .matcher(page)
        .replaceAll(
            (MatchResult match) ->
                Matcher.quoteReplacement(match.group(1) + table(match.group(2))));
  }

  /** A section of a recipe, a group of {@code training}, or a method of {@code adapter}. */
  static String table(String name) {
    ObjectNode defaults = RecipeKeys.defaults();
    defaults.remove(List.of("model", "threads", "device")); // the machine's
    JsonNode training = defaults.path("training");
    String[] words = name.split(" ", 2);
    return switch (words[0]) {
      case "top" -> table(Component.settingsOf(RecipeKeys.Top.class), defaults, true);
      case "data" ->
          table(Component.settingsOf(RecipeKeys.Data.class), defaults.path("data"), true);
      case "baseline" ->
          table(
              Component.settingsOf(RecipeKeys.Baseline.class),
              written(RecipeKeys.Baseline.DEFAULT),
              true);
      case "training" ->
          table(
              Component.settingsOf(TrainingConfig.class).stream()
                  .filter(key -> key.flag() != null && key.group().equals(words[1]))
                  .toList(),
              training,
              true);
      case "optimizer" -> choices(OptimizerConfig.class);
      case "schedule" -> choices(ScheduleConfig.class);
      case "adapter" -> adapter(words[1]);
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static String choices(Class<? extends Record> type) {
    return table(
        Component.settingsOf(type).stream().filter(key -> key.flag() == null).toList(),
        JsonNodeFactory.instance.objectNode(),
        false);
  }

  private static String adapter(String method) {
    return switch (method) {
      case "loftq_config" ->
          table(Component.settingsOf(LoftqConfig.class), written(LoftqConfig.DEFAULT), false);
      case "eva_config" ->
          table(Component.settingsOf(EvaConfig.class), written(EvaConfig.DEFAULT), false);
      default -> {
        AdapterConfig config = AdapterSection.defaults(AdapterMethods.ofId(method).orElseThrow());
        yield table(Component.settingsOf(config.getClass()), config.json(), false);
      }
    };
  }

  private static ObjectNode written(Record record) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    Binder.write(record, json);
    return json;
  }

  private static String table(List<Component> keys, JsonNode defaults, boolean flags) {
    String head =
        flags
            ? "| key | flag | default | what it says |\n|---|---|---|---|\n"
            : "| key | default | what it says |\n|---|---|---|\n";
    if (defaults.isEmpty()) {
      head = "| key | what it says |\n|---|---|\n";
    }
    return head
        + keys.stream()
            .map(key -> row(key, defaults, flags))
            .collect(Collectors.joining("\n", "", "\n"));
  }

  private static String row(Component key, JsonNode defaults, boolean flags) {
    StringBuilder row = new StringBuilder("| `" + key.key() + "` |");
    if (flags) {
      row.append(key.flag() == null ? " |" : " `" + key.flag() + "` |");
    }
    if (!defaults.isEmpty()) {
      row.append(" ").append(text(defaults.path(key.key()))).append(" |");
    }
    return row.append(" ").append(key.text().replace("|", "\\|")).append(" |").toString();
  }

  private static String text(JsonNode value) {
    if (value.isMissingNode() || value.isNull() || (value.isContainerNode() && value.isEmpty())) {
      return "";
    }
    String text = HelpGroups.text(value);
    return text.isEmpty() ? "" : "`" + text + "`";
  }
}
