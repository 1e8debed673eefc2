package dev.lorikeet.models.settings;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.UsageException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The forms of values by their type. */
final class Forms {
  private static final Map<Class<?>, Form<?>> BY_TYPE =
      Map.of(
          int.class, new Plain<Integer>("integer", "N", Section::integer, ObjectNode::put),
          Integer.class, new Plain<Integer>("integer", "N", Section::integer, ObjectNode::put),
          long.class, new Plain<Long>("integer", "N", Section::longInteger, ObjectNode::put),
          double.class, new Plain<Double>("number", "NUMBER", Section::number, ObjectNode::put),
          Double.class, new Plain<Double>("number", "NUMBER", Section::number, ObjectNode::put),
          boolean.class,
              new Plain<Boolean>("boolean", "true|false", Section::flag, ObjectNode::put),
          Boolean.class,
              new Plain<Boolean>("boolean", "true|false", Section::flag, ObjectNode::put),
          String.class, new Plain<String>("string", "TEXT", Section::text, ObjectNode::put));

  private Forms() {}

  static Form<?> of(RecordComponent component, @Nullable Setting setting) {
    if (setting != null && setting.form() != Form.class) {
      try {
        return setting.form().getConstructor().newInstance();
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
    Form<?> plain = BY_TYPE.get(component.getType());
    if (plain != null) {
      return plain;
    }
    return component.getType().isEnum()
        ? new Choice(component.getType())
        : new Structure(component.getType());
  }

  /** Reads a value of a type, or the other where the key is absent. */
  private interface Reader<T> {
    @Nullable T read(Section section, String key, @Nullable T otherwise);
  }

  private interface Writer<T> {
    ObjectNode put(ObjectNode json, String key, @Nullable T value);
  }

  private record Plain<T>(String type, String label, Reader<T> reader, Writer<T> writer)
      implements Form<T> {
    @Override
    public @Nullable T read(Section section, String key, Record defaults, @Nullable T otherwise) {
      return reader.read(section, key, otherwise);
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable T value) {
      writer.put(json, key, value);
    }

    @Override
    public void describe(ObjectNode schema) {
      schema.put("type", type);
    }
  }

  /** An enum with the names {@code id()} and a method {@code of} that finds one or refuses it. */
  private record Choice(Class<?> type) implements Form<Object> {
    @Override
    public @Nullable Object read(
        Section section, String key, Record defaults, @Nullable Object otherwise) {
      String id = section.text(key, null);
      if (id == null) {
        return otherwise;
      }
      // YAML 1.1 reads a bare no as false.
      return id.equals("false") && ids().contains("no") ? of(key, "no") : of(key, id);
    }

    /** By {@code of(id)}, or {@code of(key, id)} where its errors name the key. */
    private Object of(String key, String id) {
      for (Method method : type.getMethods()) {
        if (method.getName().equals("of") && method.getReturnType() == type) {
          return call(
              method, method.getParameterCount() == 2 ? new Object[] {key, id} : new Object[] {id});
        }
      }
      throw new IllegalStateException(type + " has no method of");
    }

    private static Object call(Method method, Object... arguments) {
      try {
        return method.invoke(null, arguments);
      } catch (InvocationTargetException e) {
        if (e.getCause() instanceof UsageException refused) {
          throw refused;
        }
        throw new IllegalStateException(e);
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }

    private List<String> ids() {
      return Arrays.stream(type.getEnumConstants()).map(Choice::id).toList();
    }

    /** What users type for a value; an enum without a method for that has its names. */
    private static String id(Object value) {
      try {
        return (String) value.getClass().getMethod("id").invoke(value);
      } catch (NoSuchMethodException e) {
        return ((Enum<?>) value).name();
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable Object value) {
      json.put(key, value == null ? null : id(value));
    }

    @Override
    public void describe(ObjectNode schema) {
      ArrayNode choices = schema.putArray("enum");
      ids().forEach(choices::add);
      if (ids().contains("no")) {
        choices.add(false); // what some readers of YAML make of it
      }
    }

    @Override
    public String label() {
      List<String> ids = ids();
      return ids.size() > 3 ? "NAME" : ids.stream().collect(Collectors.joining("|"));
    }
  }

  /** A list of texts; or what only a method of its own reads, and is left as it is. */
  private record Structure(Class<?> type) implements Form<Object> {
    @Override
    public @Nullable Object read(
        Section section, String key, Record defaults, @Nullable Object otherwise) {
      return type == List.class && section.has(key) ? section.texts(key) : otherwise;
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable Object value) {
      throw new UnsupportedOperationException(key);
    }

    @Override
    public void describe(ObjectNode schema) {
      if (type == Map.class) {
        schema.put("type", "object");
      } else if (type == List.class || type == Set.class) {
        schema.putArray("type").add("array").add("string").add("null");
      }
    }

    @Override
    public String label() {
      return "VALUE";
    }
  }
}
