package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lorikeet.models.jinja.Jinja;
import dev.lorikeet.models.jinja.JinjaException;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How a model's chats are written as one text: the Jinja template that its tokenizer carries, as
 * {@code chat_template.jinja}, else as {@code chat_template} in {@code tokenizer_config.json} (a
 * text, or a list of named ones), else in {@code chat_template.json}. Rendered to the letter as
 * {@code apply_chat_template} of transformers does.
 */
public final class ChatTemplate {
  private static final String KEY = "chat_template";
  private static final String CONFIG = "tokenizer_config.json";
  private static final List<String> TOKENS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");
  private static final String DEFAULT = "default";
  private static final String TOOL_USE = "tool_use";
  private static final Pattern GENERATION = Pattern.compile("\\{%-?\\s*generation\\s*-?%\\}");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String place;
  private final Map<String, Jinja> templates = new TreeMap<>();
  private final Map<String, Object> tokens;
  private final boolean marksAnswers;

  private ChatTemplate(
      String place, Map<String, String> sources, Map<String, Object> tokens, Clock clock) {
    this.place = place;
    this.tokens = Map.copyOf(tokens);
    marksAnswers = GENERATION.matcher(sources.getOrDefault(DEFAULT, "")).find();
    sources.forEach((name, source) -> templates.put(name, parse(source, clock)));
  }

  private Jinja parse(String source, Clock clock) {
    try {
      return new Jinja(source, clock);
    } catch (JinjaException e) {
      throw new LorikeetException(place + ": the chat template is malformed: " + message(e), e);
    }
  }

  /**
   * A template.
   *
   * @param source in Jinja's language
   * @param tokens the variables that every chat has, such as {@code bos_token}
   * @throws LorikeetException when it is malformed
   */
  public static ChatTemplate of(String source, Map<String, String> tokens) {
    return of(source, tokens, Clock.system(ZoneId.systemDefault()));
  }

  /** A template whose {@code strftime_now} goes by a clock. */
  static ChatTemplate of(String source, Map<String, String> tokens, Clock clock) {
    return new ChatTemplate(KEY, Map.of(DEFAULT, source), new HashMap<>(tokens), clock);
  }

  /**
   * The template of a model's folder; null where there is none.
   *
   * @throws LorikeetException when it cannot be read or is malformed
   */
  public static @Nullable ChatTemplate find(Path folder) {
    JsonNode config = json(folder, CONFIG);
    Map<String, String> sources = new LinkedHashMap<>();
    String file = "chat_template.jinja";
    if (Files.exists(folder.resolve(file))) {
      sources.put(DEFAULT, text(folder.resolve(file)));
    } else if (config.hasNonNull(KEY)) {
      file = CONFIG;
      sources.putAll(sources(config.path(KEY)));
    } else {
      file = "chat_template.json";
      sources.putAll(sources(json(folder, file).path(KEY)));
    }
    return sources.isEmpty()
        ? null
        : new ChatTemplate(
            folder.resolve(file).toString(),
            sources,
            tokens(config, json(folder, "special_tokens_map.json")),
            Clock.system(ZoneId.systemDefault()));
  }

  /** Whether the template tells what the assistant says, by {@code {% generation %}}. */
  public boolean marksAnswers() {
    return marksAnswers;
  }

  /** One template, or several with names. */
  private static Map<String, String> sources(JsonNode template) {
    Map<String, String> sources = new LinkedHashMap<>();
    if (template.isTextual()) {
      sources.put(DEFAULT, template.textValue());
    }
    for (JsonNode named : template) {
      sources.put(named.path("name").asText(DEFAULT), named.path("template").asText());
    }
    return sources;
  }

  private static Map<String, Object> tokens(JsonNode config, JsonNode specials) {
    Map<String, Object> tokens = new HashMap<>();
    for (String role : TOKENS) {
      JsonNode token = config.hasNonNull(role) ? config.path(role) : specials.path(role);
      String text = (token.isObject() ? token.path("content") : token).textValue();
      if (text != null) {
        tokens.put(role, text);
      }
    }
    return tokens;
  }

  private static JsonNode json(Path folder, String name) {
    Path file = folder.resolve(name);
    return Files.exists(file) ? JsonFile.read(file) : MissingNode.getInstance();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * A chat as one text.
   *
   * @param generationPrompt whether the text ends with the header of the assistant's next answer
   * @throws LorikeetException with the template's own words when it refuses the messages, or with
   *     the line where it fails
   */
  public Jinja.Rendered render(List<Message> messages, boolean generationPrompt) {
    return render(messages, null, generationPrompt, Map.of());
  }

  /**
   * A chat as one text.
   *
   * @param tools the functions that the assistant may call, as JSON schemas; null for none
   * @param variables more for the template, such as {@code enable_thinking}; they come first
   * @throws LorikeetException with the template's own words when it refuses the messages, or with
   *     the line where it fails
   */
  public Jinja.Rendered render(
      List<Message> messages,
      @Nullable JsonNode tools,
      boolean generationPrompt,
      Map<String, ? extends @Nullable Object> variables) {
    Map<String, @Nullable Object> all = new HashMap<>(tokens);
    all.put(
        "messages", messages.stream().map(m -> JSON.convertValue(m.json(), Map.class)).toList());
    all.put("tools", tools == null ? null : JSON.convertValue(tools, List.class));
    all.put("documents", null);
    all.put("add_generation_prompt", generationPrompt);
    all.putAll(variables);
    try {
      return template(tools != null).render(all);
    } catch (JinjaException e) {
      throw new LorikeetException(place + ": the chat template says: " + message(e), e);
    }
  }

  private Jinja template(boolean tools) {
    Jinja template = templates.get(tools && templates.containsKey(TOOL_USE) ? TOOL_USE : DEFAULT);
    if (template == null) {
      throw new LorikeetException(
          place + ": no chat template is called default; there are: " + templates.keySet());
    }
    return template;
  }

  private static String message(JinjaException e) {
    return String.valueOf(e.getMessage()).replaceAll("\\s*\\n\\s*", " ");
  }
}
