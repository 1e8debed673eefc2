package dev.lorikeet.models.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables of a template, a loop's turn or a macro's call, over those around it. */
final class Frame {
  private final @Nullable Frame outer;
  private final Map<String, Object> variables;

  Frame(@Nullable Frame outer, Map<String, Object> variables) {
    this.outer = outer;
    this.variables = new HashMap<>(variables);
  }

  Frame inner() {
    return new Frame(this, Map.of());
  }

  Object get(String name) {
    for (Frame frame = this; frame != null; frame = frame.outer) {
      Object value = frame.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Values.Undefined("'" + name + "' is undefined");
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }
}
