package dev.lorikeet.data.rows;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One field of a row: what it is and its value, or values, as text.
 *
 * @param values one for STRING and SCALAR, any number for STRINGS and SCALARS; of NESTED the JSON
 *     of the object, or of each element of the array; else none
 */
public record Cell(Kind kind, List<String> values) {

  /** What a field holds, with the words for it. */
  public enum Kind {
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

  /** The cell of a field that is not there. */
  public static final Cell MISSING = new Cell(Kind.MISSING, List.of());

  static Cell string(String value) {
    return new Cell(Kind.STRING, List.of(value));
  }

  static Cell strings(List<String> values) {
    return new Cell(Kind.STRINGS, List.copyOf(values));
  }

  /** The cell that a field of a JSON object is; null for one that is not there. */
  static Cell of(@Nullable JsonNode json) {
    if (json == null) {
      return MISSING;
    }
    return switch (json.getNodeType()) {
      case NULL, MISSING -> new Cell(Kind.NULL, List.of());
      case STRING -> string(json.textValue());
      case ARRAY -> array(json);
      case OBJECT -> new Cell(Kind.NESTED, List.of(json.toString()));
      default -> new Cell(Kind.SCALAR, List.of(text(json)));
    };
  }

  /** A number in the fewest digits that tell it from all others: 1.50 is the label 1.5. */
  private static String text(JsonNode scalar) {
    return scalar.isBigDecimal() ? Double.toString(scalar.doubleValue()) : scalar.asText();
  }

  private static Cell array(JsonNode json) {
    boolean strings = true;
    boolean nested = false;
    for (JsonNode element : json) {
      strings &= element.isTextual();
      nested |= element.isContainerNode() || element.isNull();
    }
    List<String> values = new ArrayList<>(json.size());
    for (JsonNode element : json) {
      values.add(nested ? element.toString() : text(element));
    }
    return new Cell(nested ? Kind.NESTED : strings ? Kind.STRINGS : Kind.SCALARS, values);
  }
}
