package dev.lorikeet.models.settings;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A component of a record that users set by a key, and mostly by a flag. Its default is that of the
 * record that is read over. Components without this annotation are records of settings, whose keys
 * stand beside the others, or nothing that users set.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Setting {
  /** The flag of settings that have none. */
  String NO_FLAG = "-";

  /** What it says, in a sentence. */
  String value();

  /** Its key; unless given, the component's name with underscores. */
  String key() default "";

  /** Its flag; unless given, two dashes and the key with dashes. */
  String flag() default "";

  /** What stands for the value in help; unless given, a word for its type. */
  String label() default "";

  /** Of {@code boolean}: whether it is on unless set, so that its flag needs a value. */
  boolean on() default false;

  /** The heading in help; unless given, that of the record's {@link Group}. */
  String group() default "";

  /** The key that says the same in another way: where that is given, this one's default is not. */
  String insteadOf() default "";

  /** How the value stands in a recipe; unless given, as its type has it. */
  @SuppressWarnings("rawtypes")
  Class<? extends Form> form() default Form.class;

  /** The heading of a record's settings in help and tables. */
  @Documented
  @Retention(RetentionPolicy.RUNTIME)
  @Target(ElementType.TYPE)
  @interface Group {
    String value();

    /** Whether {@link Binder} reads it where it is part of another record. */
    boolean isBound() default true;
  }

  /** What a number must be; {@link Bounds} checks it. */
  @Documented
  @Retention(RetentionPolicy.RUNTIME)
  @Target(ElementType.RECORD_COMPONENT)
  @interface Range {
    double atLeast() default Double.NEGATIVE_INFINITY;

    double above() default Double.NEGATIVE_INFINITY;

    double atMost() default Double.POSITIVE_INFINITY;

    double below() default Double.POSITIVE_INFINITY;
  }
}
