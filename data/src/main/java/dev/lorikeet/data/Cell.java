package dev.lorikeet.data;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One field of a row: what it is and its value, or values, as text.
 *
 * @param values one for STRING and SCALAR, any number for STRINGS and SCALARS; of NESTED the JSON
 *     of the object, or of each element of the array; else none
 */
record Cell(Kind kind, List<String> values) {

  /** What a field holds, with the words for it. */
  enum Kind {
    MISSING("missing"),
    NULL("null"),
    STRING("a string"),
    SCALAR("a number or a boolean"),
    STRINGS("an array of strings"),
    SCALARS("an array"),
    NESTED("an object, or an array that holds more than strings, numbers and booleans");

    private final String words;

    Kind(String words) {
      this.words = words;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  static final Cell MISSING = new Cell(Kind.MISSING, List.of());

  private static final Set<String> CONTAINERS = Set.of("OBJECT", "ARRAY", "NULL");

  static Cell string(String value) {
    return new Cell(Kind.STRING, List.of(value));
  }

  /**
   * The cell that DuckDB's JSON functions describe.
   *
   * @param type what {@code json_type} says; for an array {@code [} and then, with commas, the
   *     distinct types of its elements; null when the field is missing
   * @param value the value when it is no array
   * @param elements the elements of an array
   */
  static Cell ofJson(
      @Nullable String type, @Nullable String value, @Nullable List<String> elements) {
    Kind kind = type == null ? Kind.MISSING : kind(type);
    return switch (kind) {
      case STRING, SCALAR -> new Cell(kind, value == null ? List.of() : List.of(value));
      case STRINGS, SCALARS -> new Cell(kind, elements == null ? List.of() : elements);
      case NESTED ->
          new Cell(kind, elements != null ? elements : value == null ? List.of() : List.of(value));
      default -> new Cell(kind, List.of());
    };
  }

  private static Kind kind(String type) {
    if (type.startsWith("[")) {
      return arrayKind(List.of(type.substring(1).split(",")));
    }
    return switch (type) {
      case "NULL" -> Kind.NULL;
      case "VARCHAR" -> Kind.STRING;
      case "OBJECT" -> Kind.NESTED;
      default -> Kind.SCALAR;
    };
  }

  private static Kind arrayKind(List<String> elementTypes) {
    if (elementTypes.stream().anyMatch(CONTAINERS::contains)) {
      return Kind.NESTED;
    }
    boolean strings = Arrays.asList("", "VARCHAR").containsAll(elementTypes);
    return strings ? Kind.STRINGS : Kind.SCALARS;
  }
}
