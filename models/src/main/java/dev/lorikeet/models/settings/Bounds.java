package dev.lorikeet.models.settings;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Checks numbers against the {@link Setting.Range} of their components. */
public final class Bounds {
  private Bounds() {}

  /**
   * Checks a record's values, as its compact constructor has them.
   *
   * @param values those of the components, in their order
   * @throws UsageException when one is out of its range, or is no setting of the record's {@link
   *     Kind}
   */
  public static void check(Class<? extends Record> type, @Nullable Object... values) {
    List<Component> components = Component.of(type);
    Component kind = null;
    for (int i = 0; i < values.length; i++) {
      Component component = components.get(i);
      Object value = values[i];
      if (value instanceof Kind) {
        kind = component;
      } else if (kind != null && !((Kind<?>) values[kind.index()]).has(component.key())) {
        mustBeNothing(component.key(), value, kind.key(), (Kind<?>) values[kind.index()]);
      } else if (value instanceof Number number) {
        check(component, number);
      }
    }
  }

  private static void mustBeNothing(
      String key, @Nullable Object value, String kindKey, Kind<?> kind) {
    if (!isNothing(value)) {
      throw new UsageException(
          (key + " is no setting of " + kindKey + " " + kind.id()) + ": " + kind.insteadOf(key));
    }
  }

  /** Whether a value says nothing: null, zero or false. */
  static boolean isNothing(@Nullable Object value) {
    return value == null
        || value.equals(false)
        || (value instanceof Number number && number.doubleValue() == 0);
  }

  private static void check(Component component, Number number) {
    Setting.Range range = component.range();
    if (range == null) {
      return;
    }
    double value = number.doubleValue();
    boolean isIn =
        value >= range.atLeast()
            && value <= range.atMost()
            && (value > range.above() || range.above() == Double.NEGATIVE_INFINITY)
            && (value < range.below() || range.below() == Double.POSITIVE_INFINITY);
    if (!isIn) {
      throw new UsageException(component.key() + " is " + number + ": it must be " + text(range));
    }
  }

  /** The range in words. */
  static String text(Setting.Range range) {
    String lower =
        Double.isFinite(range.atLeast())
            ? "at least " + plain(range.atLeast())
            : Double.isFinite(range.above()) ? "above " + plain(range.above()) : "";
    String upper =
        range.atMost() < Double.MAX_VALUE
            ? "at most " + plain(range.atMost())
            : Double.isFinite(range.below()) ? "below " + plain(range.below()) : "";
    return lower + (lower.isEmpty() || upper.isEmpty() ? "" : " and ") + upper;
  }

  /** A whole number without its decimal point. */
  static String plain(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }
}
