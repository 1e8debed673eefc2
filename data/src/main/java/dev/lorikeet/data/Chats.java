package dev.lorikeet.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Cell;
import dev.lorikeet.models.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Reads chats: messages of role and content, or turns of ShareGPT's {@code from} and {@code value}.
 */
final class Chats {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The roles that ShareGPT's speakers have. */
  private static final Map<String, String> SPEAKERS =
      Map.of(
          "human", "user",
          "user", "user",
          "gpt", "assistant",
          "assistant", "assistant",
          "system", "system",
          "tool", "tool",
          "observation", "tool");

  private Chats() {}

  /** Whether a cell holds messages rather than a text. */
  static boolean isChat(Cell cell) {
    return cell.kind() == Cell.Kind.NESTED;
  }

  /** The messages of a cell: an array of objects, or a text that is one in JSON. */
  static List<Message> messages(String column, Cell cell) throws BadRow {
    List<Message> messages = new ArrayList<>();
    for (JsonNode message : elements(column, cell)) {
      messages.add(message(column, messages.size() + 1, message));
    }
    if (messages.isEmpty()) {
      throw BadRow.of(column, "has no messages");
    }
    return messages;
  }

  private static List<JsonNode> elements(String column, Cell cell) throws BadRow {
    try {
      List<JsonNode> elements = new ArrayList<>();
      if (cell.kind() == Cell.Kind.STRING) {
        JSON.readTree(cell.values().get(0)).forEach(elements::add);
      } else if (cell.kind() == Cell.Kind.NESTED || cell.kind() == Cell.Kind.STRINGS) {
        for (String element : cell.values()) {
          elements.add(JSON.readTree(element));
        }
      } else {
        throw BadRow.of(column, "is " + cell.kind() + ", not an array of messages");
      }
      return elements;
    } catch (JsonProcessingException e) {
      throw BadRow.of(column, "is not an array of messages in JSON");
    }
  }

  /** A message without the fields that are null, as tables write what a row lacks. */
  private static Message message(String column, int place, JsonNode json) throws BadRow {
    if (!(json instanceof ObjectNode object)) {
      throw BadRow.of(column, "has no object with role and content at place " + place);
    }
    ObjectNode message = object.deepCopy();
    message
        .properties()
        .removeIf(field -> field.getValue().isNull() && !field.getKey().equals("content"));
    if (message.has("from") && !message.has("role")) {
      String speaker = message.remove("from").asText().toLowerCase(Locale.ROOT);
      String role = SPEAKERS.get(speaker);
      if (role == null) {
        throw BadRow.of(
            column,
            "says at place " + place + " that \"" + speaker + "\" speaks: use human or gpt");
      }
      JsonNode value = message.remove("value");
      if (value == null) {
        throw BadRow.of(column, "has no value at place " + place);
      }
      message.put("role", role).set("content", value);
    }
    if (!message.path("role").isTextual()) {
      throw BadRow.of(column, "has no role at place " + place);
    }
    if (!message.has("content") && !message.has("tool_calls")) {
      throw BadRow.of(column, "has no content at place " + place);
    }
    return new Message(message);
  }
}
