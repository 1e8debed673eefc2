package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.jinja.Jinja;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * What transformers 5.18 renders, recorded by {@code src/test/interop/chat_templates.py}, for every
 * template and chat, without and with a generation prompt.
 */
class ChatTemplateTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNode RECORDED = resource("expected.json");
  private static final Map<String, String> NO_TOKENS = Map.of();

  private static JsonNode resource(String name) {
    try (InputStream file = ChatTemplateTest.class.getResourceAsStream("/chat/" + name)) {
      return JSON.readTree(file);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String source(String template) {
    try (InputStream file =
        ChatTemplateTest.class.getResourceAsStream("/chat/" + template + ".jinja")) {
      return new String(file.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @TestFactory
  Stream<DynamicTest> everyTemplateRendersEveryChatAsTransformersDoes() {
    return RECORDED.path("expected").properties().stream()
        .flatMap(
            template ->
                template.getValue().properties().stream()
                    .map(
                        chat ->
                            dynamicTest(
                                template.getKey() + ", " + chat.getKey(),
                                () -> check(template.getKey(), chat.getKey(), chat.getValue()))));
  }

  private static void check(String template, String chat, JsonNode expected) {
    ChatTemplate opened = ChatTemplate.of(source(template), tokens());
    JsonNode input = RECORDED.path("chats").path(chat);
    for (boolean prompt : new boolean[] {false, true}) {
      JsonNode answer = expected.path(prompt ? 1 : 0);
      if (answer.has("error")) {
        refuses(answer, () -> render(opened, input, prompt));
      } else {
        Jinja.Rendered rendered = render(opened, input, prompt);
        assertThat(rendered.text()).isEqualTo(answer.path("text").asText());
        assertThat(rendered.generated()).isEqualTo(spans(answer.path("spans")));
      }
    }
  }

  /** What the template raised itself is told word by word; Python's own errors are ours too. */
  private static void refuses(
      JsonNode answer, org.assertj.core.api.ThrowableAssert.ThrowingCallable render) {
    String message = answer.path("message").asText();
    if (answer.path("error").asText().equals("TemplateError")) {
      assertThatThrownBy(render)
          .isInstanceOf(LorikeetException.class)
          .hasMessage("chat_template: the chat template says: " + message);
    } else {
      assertThatThrownBy(render)
          .isInstanceOf(LorikeetException.class)
          .hasMessageContaining("line ");
    }
  }

  private static Jinja.Rendered render(ChatTemplate template, JsonNode chat, boolean prompt) {
    Map<String, @Nullable Object> variables = new HashMap<>(Map.of("date_string", "26 Jul 2024"));
    chat.path("variables")
        .properties()
        .forEach(v -> variables.put(v.getKey(), JSON.convertValue(v.getValue(), Object.class)));
    JsonNode tools = chat.has("tools") ? chat.path("tools") : null;
    return template.render(messages(chat), tools, prompt, variables);
  }

  private static List<Message> messages(JsonNode chat) {
    return StreamSupport.stream(chat.path("messages").spliterator(), false)
        .map(message -> new Message((ObjectNode) message))
        .toList();
  }

  private static List<Jinja.Span> spans(JsonNode spans) {
    List<Jinja.Span> list = new ArrayList<>();
    spans.forEach(s -> list.add(new Jinja.Span(s.path(0).asInt(), s.path(1).asInt())));
    return list;
  }

  private static Map<String, String> tokens() {
    Map<String, String> tokens = new HashMap<>();
    RECORDED
        .path("tokens")
        .properties()
        .forEach(t -> tokens.put(t.getKey(), t.getValue().asText()));
    return tokens;
  }

  @Test
  void theDateIsTodaysInEnglish() {
    Clock clock = Clock.fixed(Instant.parse("2026-03-09T14:05:00Z"), ZoneOffset.UTC);
    ChatTemplate template =
        ChatTemplate.of("{{ strftime_now('%d %b %Y, %A %H:%M %p %j%%') }}", NO_TOKENS, clock);
    assertThat(template.render(List.of(), false).text())
        .isEqualTo("09 Mar 2026, Monday 14:05 PM 068%");
  }

  @Test
  void aFolderWithoutATemplateHasNone(@TempDir Path folder) throws IOException {
    assertThat(ChatTemplate.find(folder)).isNull();
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"chat_template\": null}");
    assertThat(ChatTemplate.find(folder)).isNull();
  }

  @Test
  void theTemplatesOwnFileGoesBeforeTheConfiguration(@TempDir Path folder) throws IOException {
    Files.writeString(folder.resolve("chat_template.json"), "{\"chat_template\": \"json\"}");
    assertThat(rendered(folder)).isEqualTo("json");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"chat_template\": \"{{ bos_token }}config{{ eos_token }}\","
            + " \"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"</s>\"}");
    assertThat(rendered(folder)).isEqualTo("<s>config</s>");
    Files.writeString(folder.resolve("chat_template.jinja"), "jinja");
    assertThat(rendered(folder)).isEqualTo("jinja");
  }

  @Test
  void ofNamedTemplatesOneIsForTools(@TempDir Path folder) throws IOException {
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"chat_template\": [{\"name\": \"default\", \"template\": \"plain\"},"
            + " {\"name\": \"tool_use\", \"template\": \"{{ tools[0].a }}\"}]}");
    ChatTemplate template = found(folder);
    ArrayNode tools = JSON.createArrayNode();
    tools.addObject().put("a", 7);
    assertThat(rendered(folder)).isEqualTo("plain");
    assertThat(template.render(List.of(), tools, false, Map.of()).text()).isEqualTo("7");
  }

  private static String rendered(Path folder) {
    return found(folder).render(List.of(), false).text();
  }

  private static ChatTemplate found(Path folder) {
    return Objects.requireNonNull(ChatTemplate.find(folder));
  }

  @Test
  void aMalformedTemplateTellsItsLine() {
    assertMalformed("a\n{% if x %}\nb", "line 2: a block is never closed: no elif, else, endif");
    assertMalformed("a\n{{ x", "line 2: a variable is never closed");
    assertMalformed("{{ x | trims }}", "line 1: no filter named 'trims'; nearest: trim");
    assertMalformed("{{ x is strings }}", "line 1: no test named 'strings'; nearest: string");
    assertMalformed("\n\n{% include 'x' %}", "line 3: unknown tag 'include'");
    assertMalformed("{% for in y %}{% endfor %}", "line 1: ");
    assertMalformed("{{ (1] }}", "line 1: unexpected ']'");
    assertMalformed("{{ 1 $ 2 }}", "line 1: unexpected character $");
    assertMalformed("{% if 1 %}{% endfor %}", "line 1: unknown tag 'endfor'");
    assertMalformed("{# a", "line 1: a comment is never closed");
  }

  private static void assertMalformed(String source, String problem) {
    assertThatThrownBy(() -> ChatTemplate.of(source, NO_TOKENS))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("chat_template: the chat template is malformed: ")
        .hasMessageContaining(problem);
  }

  @Test
  void aTemplateThatFailsTellsItsLine() {
    assertFails("a\n{{ nothing.there }}", "line 2: 'nothing' is undefined");
    assertFails("{{ 'a' + 1 }}", "line 1: can only concatenate str (not \"int\") to str");
    assertFails("{{ 1 / 0 }}", "line 1: division by zero");
    assertFails("{{ 'a'.sprint() }}", "line 1: 'str object' has no attribute 'sprint'");
    assertFails("{% for x in 3 %}{% endfor %}", "line 1: 'int' object is not iterable");
    assertFails("{{ nothing() }}", "line 1: 'nothing' is undefined");
    assertFails("{{ raise_exception('no\n  way') }}", "no way");
  }

  private static void assertFails(String source, String problem) {
    ChatTemplate template = ChatTemplate.of(source, NO_TOKENS);
    assertThatThrownBy(() -> template.render(List.of(), false))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("chat_template: the chat template says: " + problem);
  }

  @Test
  void whatAUserSaysIsNeverReadAsATemplate() {
    ChatTemplate template = ChatTemplate.of("{{ messages[0].content }}", NO_TOKENS);
    String content = "{{ 1 + 1 }} {% raw %} {# x #}";
    assertThat(template.render(List.of(Message.user(content)), false).text()).isEqualTo(content);
  }
}
