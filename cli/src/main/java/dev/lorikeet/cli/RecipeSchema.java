package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.lora.EvaConfig;
import dev.lorikeet.lora.LoftqConfig;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Component;
import dev.lorikeet.models.settings.JsonSchema;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The JSON schema of recipes, docs/recipe.schema.json, by which editors complete and check. */
final class RecipeSchema {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private RecipeSchema() {}

  static ObjectNode json() {
    ObjectNode defaults = RecipeKeys.defaults();
    defaults.remove(List.of("model", "threads", "device")); // the machine's
    ObjectNode schema = JSON.objectNode();
    schema.put("$schema", "https://json-schema.org/draft/2020-12/schema");
    schema.put("title", "A recipe of lorikeet train");
    schema.setAll(JsonSchema.of(Component.settingsOf(RecipeKeys.Top.class), defaults));
    ObjectNode properties = schema.withObjectProperty("properties");
    choices(properties, "task", Tasks.all().stream().map(Task::id));
    choices(properties, "method", Stream.concat(AdapterMethods.ids().stream(), regimes()));
    choices(properties, "preset", Arrays.stream(Preset.values()).map(Preset::id));
    RecipeKeys.sections()
        .forEach(
            (section, type) -> {
              if (!section.isEmpty() && type != LoraConfig.class) {
                properties.set(
                    section, JsonSchema.of(Component.settingsOf(type), defaults.path(section)));
              }
            });
    adapters(schema, properties);
    return schema;
  }

  private static Stream<String> regimes() {
    return Arrays.stream(Regime.values()).filter(r -> r != Regime.ADAPTER).map(Regime::id);
  }

  private static void choices(ObjectNode properties, String key, Stream<String> ids) {
    ArrayNode choices = properties.withObjectProperty(key).putArray("enum");
    ids.forEach(choices::add);
  }

  /** The section {@code adapter} is the method's, and LoRA's where none is named. */
  private static void adapters(ObjectNode schema, ObjectNode properties) {
    properties.putObject("adapter").put("description", "The adapter, under PEFT's names.");
    ObjectNode definitions = schema.putObject("$defs");
    ArrayNode cases = schema.putArray("allOf");
    AdapterMethods.ids()
        .forEach(
            id -> {
              AdapterConfig config = AdapterSection.defaults(AdapterMethods.ofId(id).orElseThrow());
              definitions.set(id, adapter(config));
              ObjectNode choice = cases.addObject();
              ObjectNode method = choice.putObject("if");
              method.putObject("properties").putObject("method").put("const", id);
              if (!(config instanceof LoraConfig)) {
                method.putArray("required").add("method");
              }
              choice
                  .putObject("then")
                  .putObject("properties")
                  .putObject("adapter")
                  .put("$ref", "#/$defs/" + id);
            });
  }

  private static ObjectNode adapter(AdapterConfig config) {
    ObjectNode schema = JsonSchema.of(Component.settingsOf(config.getClass()), config.json());
    if (config instanceof LoraConfig) {
      ObjectNode properties = schema.withObjectProperty("properties");
      properties.set("loftq_config", section(LoftqConfig.DEFAULT));
      properties.set("eva_config", section(EvaConfig.DEFAULT));
    }
    return schema;
  }

  private static ObjectNode section(Record defaults) {
    ObjectNode json = JSON.objectNode();
    Binder.write(defaults, json);
    return JsonSchema.of(Component.settingsOf(defaults.getClass()), json);
  }
}
