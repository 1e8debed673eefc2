package dev.lorikeet.models.settings;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * A record on its way to another that is the same but for what is changed. A subclass has a public
 * field for each component, of its name and type.
 *
 * @param <R> the record
 */
public abstract class Draft<R extends Record> {
  private final Class<? extends Record> type;

  /** Takes over a record's values. */
  protected Draft(R record) {
    type = record.getClass();
    for (RecordComponent component : type.getRecordComponents()) {
      try {
        field(component).set(this, component.getAccessor().invoke(record));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private Field field(RecordComponent component) throws NoSuchFieldException {
    return getClass().getField(component.getName());
  }

  /** The record that a change of the draft makes. */
  public static <R extends Record, D extends Draft<R>> R changed(D draft, Consumer<D> change) {
    change.accept(draft);
    return draft.finish();
  }

  @SuppressWarnings("unchecked")
  R finish() {
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    try {
      for (int i = 0; i < values.length; i++) {
        values[i] = field(components[i]).get(this);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    return (R) make(type, values);
  }

  /** Calls a record's canonical constructor, and throws what it throws. */
  static <R extends Record> R make(Class<R> type, Object[] values) {
    Class<?>[] types =
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      Constructor<R> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      throw new IllegalStateException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
