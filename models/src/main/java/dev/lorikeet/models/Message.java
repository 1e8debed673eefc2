package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

/**
 * One message of a chat. Beside role and content it may have what its template makes use of: {@code
 * tool_calls}, {@code reasoning_content}, {@code name} and more.
 *
 * @param json the whole message, as in the ecosystem's data sets and interfaces
 */
public record Message(ObjectNode json) {
  private static final String ASSISTANT = "assistant";

  public Message {
    json = json.deepCopy();
  }

  /** A message of text. */
  public static Message of(String role, String content) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    return new Message(json.put("role", role).put("content", content));
  }

  public static Message system(String content) {
    return of("system", content);
  }

  public static Message user(String content) {
    return of("user", content);
  }

  public static Message assistant(String content) {
    return of(ASSISTANT, content);
  }

  /** Who speaks: {@code system}, {@code user}, {@code assistant}, {@code tool}; or empty. */
  public String role() {
    return json.path("role").asText("");
  }

  /** What is said: a text, or a list of parts; missing where there are tool calls only. */
  public JsonNode content() {
    return json.path("content");
  }

  /** Whether a model is to learn to say this. */
  public boolean isAssistant() {
    return role().equals(ASSISTANT);
  }

  /** The same message with another text. */
  public Message withContent(String text) {
    ObjectNode changed = json.deepCopy();
    changed.set("content", TextNode.valueOf(text));
    return new Message(changed);
  }
}
