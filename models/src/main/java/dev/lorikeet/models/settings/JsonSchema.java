package dev.lorikeet.models.settings;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** JSON schemas of records of settings (draft 2020-12), by which editors complete and check. */
public final class JsonSchema {
  private JsonSchema() {}

  /** The schema of a section that has these settings, and no other keys. */
  public static ObjectNode of(List<Component> settings, JsonNode defaults) {
    ObjectNode schema = JsonNodeFactory.instance.objectNode();
    schema.put("type", "object").put("additionalProperties", false);
    ObjectNode properties = schema.putObject("properties");
    settings.forEach(
        setting -> {
          ObjectNode property = properties.putObject(setting.key());
          describe(setting, defaults.path(setting.key()), property);
        });
    return schema;
  }

  private static void describe(Component setting, JsonNode otherwise, ObjectNode property) {
    property.put("description", setting.text());
    setting.form().describe(property);
    if (!setting.component().getType().isPrimitive() && property.path("type").isTextual()) {
      ArrayNode types = JsonNodeFactory.instance.arrayNode().add(property.path("type")).add("null");
      property.set("type", types);
    }
    if (!otherwise.isMissingNode() && !otherwise.isNull()) {
      property.set("default", otherwise);
    }
    Setting.Range range = setting.range();
    if (range != null) {
      put(property, "minimum", range.atLeast());
      put(property, "exclusiveMinimum", range.above());
      put(property, "maximum", range.atMost());
      put(property, "exclusiveMaximum", range.below());
    }
  }

  private static void put(ObjectNode property, String key, double bound) {
    if (Math.abs(bound) < Double.MAX_VALUE) {
      property.put(key, bound);
    }
  }
}
