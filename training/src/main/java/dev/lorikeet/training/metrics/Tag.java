package dev.lorikeet.training.metrics;

import java.util.List;

/**
 * A word's tag: B-PER is the prefix B and the type PER. A tag without a type has the type _, as
 * seqeval has it.
 */
public record Tag(char prefix, String type) {
  static final Tag OUTSIDE = new Tag('O', "_");
  private static final String PREFIXES = "BIESLU";

  static Tag of(String label) {
    String rest = label.substring(Math.min(1, label.length()));
    String type = rest.substring(rest.indexOf('-') + 1);
    return new Tag(label.isEmpty() ? 'O' : label.charAt(0), type.isEmpty() ? "_" : type);
  }

  boolean isOutside() {
    return prefix == 'O';
  }

  /** Whether labels are tags: O, and prefixes with types, such as B-PER and I-PER. */
  public static boolean areTags(List<String> labels) {
    return labels.stream().anyMatch(Tag::isOfEntity)
        && labels.stream().allMatch(label -> label.equals("O") || isOfEntity(label));
  }

  private static boolean isOfEntity(String label) {
    return label.length() > 2 && label.charAt(1) == '-' && PREFIXES.indexOf(label.charAt(0)) >= 0;
  }
}
