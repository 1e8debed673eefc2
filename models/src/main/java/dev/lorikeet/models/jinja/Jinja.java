package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Values.None;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A template of the <a href="https://jinja.palletsprojects.com/en/stable/templates/">Jinja</a>
 * language, as transformers renders chats by it. Values are Java's: null (Python's None), booleans,
 * whole numbers (int, long), real ones (float, double), strings, lists, and maps by string. What
 * the language has and chat templates do not ({@code include}, {@code extends}, {@code call}) is
 * unknown here, and an error.
 */
public final class Jinja {
  private final Node template;
  private final Clock clock;

  /**
   * Reads a template.
   *
   * @param clock what {@code strftime_now} goes by
   * @throws JinjaException when it is malformed, or has a tag, filter or test that is not known
   */
  public Jinja(String source, Clock clock) {
    try {
      template = StatementParser.parse(source);
    } catch (StackOverflowError e) {
      throw Budget.nested();
    }
    this.clock = clock;
  }

  /**
   * A part of a text.
   *
   * @param start of the first character
   * @param end behind the last one; both count as Java's strings do
   */
  public record Span(int start, int end) {}

  /**
   * A rendered template.
   *
   * @param generated where {@code {% generation %}} blocks lie in the text
   */
  public record Rendered(String text, List<Span> generated) {
    public Rendered {
      generated = List.copyOf(generated);
    }
  }

  /**
   * Renders the template.
   *
   * @throws JinjaException when it uses what is not there, or raises an exception itself
   */
  public Rendered render(Map<String, ? extends @Nullable Object> variables) {
    Frame globals = new Frame(null, Globals.all(clock));
    Frame frame = globals.inner();
    variables.forEach((name, value) -> frame.set(name, value(value)));
    Node.Output output = new Node.Output();
    Budget.within(() -> template.render(frame, output));
    return new Rendered(output.text.toString(), output.generated);
  }

  /** A Java value as templates know it. */
  private static Object value(@Nullable Object value) {
    if (value == null) {
      return None.NONE;
    }
    if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
      return ((Number) value).longValue();
    }
    if (value instanceof Float real) {
      return (double) real;
    }
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> copy = new LinkedHashMap<>();
      map.forEach((key, entry) -> copy.put(key, value(entry)));
      return copy;
    }
    if (value instanceof List<?> list) {
      List<Object> copy = new ArrayList<>();
      list.forEach(item -> copy.add(value(item)));
      return copy;
    }
    return value;
  }
}
