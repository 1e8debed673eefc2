package dev.lorikeet.models.settings;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads records of settings from the keys of a recipe's section, and writes them. */
public final class Binder {
  private Binder() {}

  /**
   * Reads a record.
   *
   * @param defaults what the keys that are absent say
   * @throws dev.lorikeet.torch.UsageException when a value is of the wrong kind, or the record
   *     refuses it
   */
  @SuppressWarnings("unchecked")
  public static <R extends Record> R read(Section section, R defaults) {
    List<Component> components = Component.of(defaults.getClass());
    Object[] values = new Object[components.size()];
    Record own = defaults;
    for (Component component : components) {
      Object otherwise = component.in(own);
      Object value = read(section, component, own, otherwise);
      if (value instanceof Kind<?> kind && !value.equals(otherwise)) {
        own = kind.defaults();
      }
      values[component.index()] = value;
    }
    return (R) Draft.make(defaults.getClass(), values);
  }

  /** The record that a choice makes with its own defaults; all else is null, zero or false. */
  public static <R extends Record> R defaults(Class<R> type, Kind<R> kind) {
    List<Component> components = Component.of(type);
    Object[] values = new Object[components.size()];
    for (Component component : components) {
      String value = kind.ownDefaults().getOrDefault(component.key(), "");
      values[component.index()] =
          component.component().getType().isInstance(kind) ? kind : component.parse(value);
    }
    return Draft.make(type, values);
  }

  private static @Nullable Object read(
      Section section, Component component, Record defaults, @Nullable Object otherwise) {
    Setting setting = component.setting();
    if (setting == null) {
      return otherwise instanceof Record record && isBound(record)
          ? read(section, record)
          : otherwise;
    }
    boolean replaced = !setting.insteadOf().isEmpty() && section.has(setting.insteadOf());
    return component
        .form()
        .read(section, component.key(), defaults, replaced ? component.parse("") : otherwise);
  }

  private static boolean isBound(Record record) {
    Setting.Group group = record.getClass().getAnnotation(Setting.Group.class);
    return (group == null || group.isBound()) && !Component.settingsOf(record.getClass()).isEmpty();
  }

  /** Writes every setting of a record. */
  public static void write(Record record, ObjectNode json) {
    Kind<?> kind = null;
    for (Component component : Component.of(record.getClass())) {
      Object value = component.in(record);
      if (value instanceof Kind<?> own) {
        kind = own;
      }
      if (component.setting() == null) {
        if (value instanceof Record nested) {
          write(nested, json);
        }
      } else if (kind == null || kind.has(component.key())) {
        component.form().write(json, component.key(), isReplaced(component, record) ? null : value);
      }
    }
  }

  /** Whether a setting that says nothing is said by the one in its stead. */
  private static boolean isReplaced(Component component, Record record) {
    return Component.of(record.getClass()).stream()
        .filter(other -> other.isInsteadOf(component.key()))
        .anyMatch(
            other -> Bounds.isNothing(component.in(record)) && !Bounds.isNothing(other.in(record)));
  }
}
