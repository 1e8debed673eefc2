package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataRow;
import dev.lorikeet.data.ExampleRows;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ProblemType;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A commented recipe to begin with: the keys that people look at first, and what they say. */
final class NewRecipe {
  /** So many rows tell of what kind their labels are. */
  private static final int LOOKED_AT = 100;

  /** Of each section the keys that are written, where the recipe has them. */
  private static final Map<String, List<String>> SHOWN =
      Map.of(
          "", List.of("model", "output", "task", "problem_type", "method", "seed"),
          "data",
              List.of(
                  "train",
                  "eval",
                  "text",
                  "text_pair",
                  "label",
                  "messages",
                  "prompt",
                  "completion",
                  "target",
                  "image",
                  "max_length"),
          "adapter", List.of("r", "lora_alpha", "lora_dropout", "target_modules"),
          "training",
              List.of(
                  "lr",
                  "epochs",
                  "batch_size",
                  "weight_decay",
                  "schedule",
                  "warmup_ratio",
                  "eval_strategy",
                  "keep_best"));

  private final ObjectNode recipe;

  /**
   * A recipe of what the user says.
   *
   * @param file where it will stand; the result beside it
   */
  NewRecipe(ObjectNode said, Path file) {
    recipe = said;
    String name = file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    if (!recipe.hasNonNull("output")) {
      recipe.put("output", file.resolveSibling(name + "-tuned").toString());
    }
  }

  void evaluatedOn(Path file) {
    recipe.withObjectProperty("data").put("eval", file.toString());
  }

  /** The text of the recipe, which {@code train} runs. */
  String of(@Nullable String said, String model, ModelConfig config, FoundColumns columns) {
    ObjectNode data = recipe.withObjectProperty("data");
    HeadType own = config.headType();
    String task = said == null ? columns.task(data, own == null ? null : own.id()) : said;
    recipe.put("model", model).put("task", task);
    data.put("train", columns.source());
    columns.keys(task, data).forEach(data::put);
    ProblemType type = problemType(Recipe.read(recipe));
    if (type != ProblemType.SINGLE_LABEL) {
      recipe.put("problem_type", type.id());
    }
    ObjectNode spelt = Recipe.read(recipe).json();
    if (!task.equals(RecipeKeys.Top.DEFAULT.task())) {
      spelt.remove("problem_type"); // of classifying texts
    }
    int length = Math.min(spelt.at("/data/max_length").asInt(), config.maxTokens());
    if (!data.hasNonNull("max_length")) {
      spelt.withObjectProperty("data").put("max_length", length);
    }
    return text(spelt);
  }

  /** What the labels of the first rows are: several, a number with a fraction, or one of a few. */
  private static ProblemType problemType(Recipe read) {
    DataReader.Columns columns = read.data().columns();
    if (!read.config().task().id().equals(RecipeKeys.Top.DEFAULT.task())
        || columns.labels().size() != 1) {
      return read.config().problemType();
    }
    String label = columns.labels().get(0);
    try (ExampleRows rows =
        DataReader.open(
            read.data().train(),
            columns.unlabelled(List.of(label)),
            read.config().task().rows(read.config().problemType()))) {
      DataRow row = rows.next();
      for (int i = 0; i < LOOKED_AT && row != null; i++, row = rows.next()) {
        JsonNode value = row.kept().get(label);
        if (value != null && value.isArray()) {
          return ProblemType.MULTI_LABEL;
        } else if (value != null && value.asText().matches("-?\\d*\\.\\d*[1-9]\\d*")) {
          return ProblemType.REGRESSION;
        }
      }
    }
    return read.config().problemType();
  }

  private String text(ObjectNode spelt) {
    StringBuilder text =
        new StringBuilder(
            """
            # A recipe of Lorikeet: ./lorikeet train THIS_FILE
            # Every key can be set on the command line, too: --set training.lr=5e-4
            # What is not said is the default; docs/training.md has every key.
            """);
    for (String section : List.of("", "data", "adapter", "training", "baseline")) {
      JsonNode values = section.isEmpty() ? spelt : spelt.path(section);
      JsonNode said = section.isEmpty() ? recipe : recipe.path(section);
      Map<String, JsonNode> lines = new LinkedHashMap<>();
      SHOWN.getOrDefault(section, List.of()).forEach(key -> lines.put(key, values.path(key)));
      said.properties().forEach(entry -> lines.put(entry.getKey(), entry.getValue()));
      lines
          .values()
          .removeIf(value -> value.isMissingNode() || value.isNull() || isSection(section, value));
      text.append(section.isEmpty() || lines.isEmpty() ? "" : "\n" + section + ":\n");
      lines.forEach((key, value) -> line(text, section, key, value));
      if (section.equals("data") && !lines.containsKey("eval")) {
        text.append("  # Hold a part of the training examples out for evaluation:\n");
        text.append("  # eval_fraction: 0.1\n");
      }
    }
    return text.toString();
  }

  private static boolean isSection(String parent, JsonNode value) {
    return parent.isEmpty() && value.isObject();
  }

  private static void line(StringBuilder text, String section, String key, JsonNode value) {
    String indent = section.isEmpty() ? "" : "  ";
    RecipeKeys.all().stream()
        .filter(known -> known.section().equals(section) && known.component().key().equals(key))
        .map(known -> known.component().doc())
        .forEach(doc -> text.append(indent).append("# ").append(doc).append('\n'));
    text.append(indent).append(key).append(": ").append(yaml(value)).append('\n');
  }

  /** A value that YAML reads as it is. */
  private static String yaml(JsonNode value) {
    if (value.isNumber()) {
      String number = HelpGroups.text(value);
      return number.contains(".") || value.isIntegralNumber() ? number : number + ".0";
    }
    String word = value.asText();
    boolean isWord =
        value.isTextual()
            && word.matches("[A-Za-z/][\\w./@-]*")
            && !word.matches("(?i)no|yes|on|off|true|false|null|y|n");
    return isWord ? word : value.toString();
  }
}
