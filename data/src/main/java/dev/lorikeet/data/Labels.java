package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.math.BigInteger;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The labels that a model tells apart; a label's id is its place in the list. Kept with the model
 * as {@code id2label}.
 */
public final class Labels {
  private static final Pattern INTEGER = Pattern.compile("[+-]?\\d+");
  private static final int NAMED_IN_ERRORS = 10;

  /** Grades in halves from 0 to 10 are as many. */
  private static final int MOST_CLASSES_WITH_FRACTIONS = 21;

  private static final int CHARACTERS_IN_ERRORS = 60;

  private static final Comparator<String> TEXTUAL = Comparator.naturalOrder();
  private static final Comparator<String> NUMERIC =
      Comparator.comparing((String name) -> new BigInteger(name)).thenComparing(TEXTUAL);

  private final List<String> names;
  private final Map<String, Integer> ids = new HashMap<>();

  /**
   * Labels in the order of their ids.
   *
   * @throws LorikeetException when a label is there twice
   */
  public Labels(List<String> names) {
    this.names = List.copyOf(names);
    for (String name : names) {
      if (ids.putIfAbsent(name, ids.size()) != null) {
        throw new LorikeetException(
            "label \"" + excerpt(name) + "\" is there twice: each label has one id");
      }
    }
  }

  /**
   * The labels that training examples have: sorted as text, or as numbers where all are integers.
   *
   * @throws LorikeetException when no example is labelled, or all have the same single label
   */
  public static Labels discover(List<Example> examples) {
    List<String> names = examples.stream().flatMap(e -> e.labels().stream()).distinct().toList();
    if (names.isEmpty()) {
      throw new LorikeetException(
          "no example has a label, so there is nothing to learn: name the column with the labels");
    }
    if (names.size() == 1 && examples.stream().noneMatch(e -> e.labels().isEmpty())) {
      throw new LorikeetException(
          "all examples have the same label \""
              + excerpt(names.get(0))
              + "\", so there is nothing to learn: add examples of another label");
    }
    boolean integers = names.stream().allMatch(name -> INTEGER.matcher(name).matches());
    return new Labels(names.stream().sorted(integers ? NUMERIC : TEXTUAL).toList());
  }

  /**
   * Checks that labels are classes, where nobody said what they are. Many different numbers with
   * digits behind the point are more likely measured.
   *
   * @param source what errors begin with
   * @param column the labels' column
   * @throws UsageException when they look like numbers to be predicted, naming both choices
   */
  public static void mustBeClasses(String source, String column, List<Example> examples) {
    List<String> names = examples.stream().flatMap(e -> e.labels().stream()).distinct().toList();
    boolean numbers = names.stream().allMatch(Cells::isNumber);
    Optional<String> fraction = names.stream().filter(Cells::isFraction).findFirst();
    boolean many = names.size() > MOST_CLASSES_WITH_FRACTIONS || 2 * names.size() > examples.size();
    if (numbers && many && fraction.isPresent()) {
      throw new UsageException(
          (source + ": \"" + column + "\" has " + names.size() + " different numbers, such as ")
              + (fraction.get() + ": give --problem-type regression to predict numbers, or")
              + " --problem-type single_label_classification to tell each apart as a class");
    }
  }

  /** All labels; the index of each is its id. */
  public List<String> names() {
    return names;
  }

  /** How many labels there are. */
  public int size() {
    return names.size();
  }

  /**
   * The label with an id.
   *
   * @throws IndexOutOfBoundsException when no label has it
   */
  public String name(int id) {
    return names.get(id);
  }

  /**
   * The id of a label.
   *
   * @throws LorikeetException when there is no such label, with the nearest and those there are
   */
  public int id(String label) {
    Integer id = ids.get(label);
    if (id == null) {
      throw unknown(excerpt(label));
    }
    return id;
  }

  private LorikeetException unknown(String label) {
    if (names.isEmpty()) {
      return new LorikeetException("unknown label \"" + label + "\": the model has no labels");
    }
    List<String> known = names.stream().map(Labels::excerpt).toList();
    return new LorikeetException(
        "unknown label \""
            + label
            + "\"; nearest: "
            + Nearest.of(label, known, 1).get(0)
            + "; the model knows: "
            + some(names));
  }

  /** As many labels as an error should name. */
  static String some(List<String> names) {
    int more = names.size() - NAMED_IN_ERRORS;
    return names.stream()
            .limit(NAMED_IN_ERRORS)
            .map(Labels::excerpt)
            .collect(Collectors.joining(", "))
        + (more > 0 ? " and " + more + " more" : "");
  }

  private static String excerpt(String label) {
    String line = label.replaceAll("\\R", " ");
    return line.length() <= CHARACTERS_IN_ERRORS
        ? line
        : line.substring(0, CHARACTERS_IN_ERRORS) + "...";
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Labels labels && names.equals(labels.names);
  }

  @Override
  public int hashCode() {
    return Objects.hash(names);
  }

  @Override
  public String toString() {
    return "Labels" + names;
  }

  /** Labels that must be there, since an example has one. */
  static Labels given(@Nullable Labels labels) {
    if (labels == null) {
      throw new IllegalStateException("the examples have labels, but the encoder was given none");
    }
    return labels;
  }
}
