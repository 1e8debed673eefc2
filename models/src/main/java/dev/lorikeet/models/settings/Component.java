package dev.lorikeet.models.settings;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A component of a record of settings.
 *
 * @param index its place in the record
 * @param key in a recipe's section
 * @param setting null where users do not set it
 * @param range null where everything goes
 * @param group the heading in help and tables
 * @param kinds the choices that the record's settings depend on; none where they depend on none
 */
public record Component(
    RecordComponent component,
    int index,
    String key,
    @Nullable Setting setting,
    Setting.@Nullable Range range,
    String group,
    List<Kind<?>> kinds) {
  private static final ClassValue<List<Component>> CACHE =
      new ClassValue<>() {
        @Override
        protected List<Component> computeValue(Class<?> type) {
          return read(type);
        }
      };

  /** All components of a record. */
  static List<Component> of(Class<?> type) {
    return CACHE.get(type);
  }

  /** The settings of a record, and of those in it, whose keys stand beside them. */
  public static List<Component> settingsOf(Class<?> type) {
    List<Component> settings = new ArrayList<>();
    for (Component component : of(type)) {
      if (component.setting != null) {
        settings.add(component);
      } else if (component.component.getType().isRecord()) {
        settings.addAll(settingsOf(component.component.getType()));
      }
    }
    return settings;
  }

  private static List<Component> read(Class<?> type) {
    Setting.Group group = type.getAnnotation(Setting.Group.class);
    List<Component> components = new ArrayList<>();
    for (RecordComponent component : type.getRecordComponents()) {
      Setting setting = component.getAnnotation(Setting.class);
      String own = setting == null ? "" : setting.key();
      String heading = setting == null ? "" : setting.group();
      components.add(
          new Component(
              component,
              components.size(),
              own.isEmpty() ? snake(component.getName()) : own,
              setting,
              component.getAnnotation(Setting.Range.class),
              heading.isEmpty() && group != null ? group.value() : heading,
              kinds(type)));
    }
    return Collections.unmodifiableList(components);
  }

  private static List<Kind<?>> kinds(Class<?> type) {
    List<Kind<?>> kinds = new ArrayList<>();
    for (RecordComponent component : type.getRecordComponents()) {
      if (Kind.class.isAssignableFrom(component.getType())) {
        for (Object kind : component.getType().getEnumConstants()) {
          kinds.add((Kind<?>) kind);
        }
      }
    }
    return kinds;
  }

  private static String snake(String camel) {
    return camel.replaceAll("([A-Z]+)", "_$1").toLowerCase(Locale.ROOT);
  }

  /** What it says, in a sentence. */
  public String doc() {
    return setting == null ? "" : setting.value();
  }

  /** {@link #doc} with the choices that it is of, where it is not of all. */
  public String text() {
    if (kinds.stream().allMatch(kind -> kind.has(key))) {
      return doc();
    }
    return kinds.stream()
        .filter(kind -> kind.has(key))
        .map(Kind::id)
        .collect(Collectors.joining(", ", doc().replaceFirst("\\.$", "") + " (", ")."));
  }

  /** The flag that sets it; null for none. */
  public @Nullable String flag() {
    if (setting == null || setting.flag().equals(Setting.NO_FLAG)) {
      return null;
    }
    return setting.flag().isEmpty() ? "--" + key.replace('_', '-') : setting.flag();
  }

  /** What stands for the value in help. */
  public String label() {
    return setting == null || setting.label().isEmpty() ? form().label() : setting.label();
  }

  /** Whether it says the same as another. */
  boolean isInsteadOf(String other) {
    return setting != null && setting.insteadOf().equals(other);
  }

  /** Whether its flag needs no value: it is false unless set. */
  public boolean isSwitch() {
    return component.getType() == boolean.class && setting != null && !setting.on();
  }

  /** How the value stands in a recipe. */
  @SuppressWarnings("unchecked")
  public Form<Object> form() {
    return (Form<Object>) Forms.of(component, setting);
  }

  /** The value in a record. */
  @Nullable Object in(Record record) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A number in text; null, zero or false for none. */
  @Nullable Object parse(String text) {
    Class<?> type = component.getType();
    if (text.isEmpty() && !type.isPrimitive()) {
      return null;
    }
    String value = text.isEmpty() ? "0" : text;
    return type == boolean.class
        ? (Object) Boolean.parseBoolean(value)
        : type == int.class ? (Object) Integer.parseInt(value) : (Object) Double.parseDouble(value);
  }
}
