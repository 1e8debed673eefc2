package dev.lorikeet.training.metrics;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How tags of words spell out entities when only those count that are spelt as the scheme asks: an
 * entity of one word has the tag {@code single}; one of several begins with B, goes on with I of
 * the same type, and ends with {@code end}. As seqeval's {@code mode="strict"}.
 */
public enum TagScheme {
  /** B begins, I goes on: an I that follows nothing of its type is no entity. */
  IOB2("BIO", 'B', 'I'),
  /** B, I, E, and S for a single word; also called BIOES. */
  IOBES("IOBES", 'S', 'E'),
  /** B, I, L, and U for a single word; also called BIOLU. */
  BILOU("BILOU", 'U', 'L');

  private final String prefixes;
  private final char single;
  private final char end;

  TagScheme(String prefixes, char single, char end) {
    this.prefixes = prefixes;
    this.single = single;
    this.end = end;
  }

  /**
   * The scheme called {@code name}, in letters of either case; BIOES is IOBES.
   *
   * @throws UsageException when there is none
   */
  public static TagScheme of(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    String known = upper.equals("BIOES") ? "IOBES" : upper;
    return Arrays.stream(values())
        .filter(scheme -> scheme.name().equals(known))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown entity scheme \""
                        + name
                        + "\": use "
                        + Arrays.stream(values())
                            .map(scheme -> scheme.name().toLowerCase(Locale.ROOT))
                            .collect(Collectors.joining(", "))));
  }

  /**
   * Checks that labels are tags of this scheme.
   *
   * @throws UsageException when one is not
   */
  public void mustHave(List<String> labels) {
    for (String label : labels) {
      if (prefixes.indexOf(Tag.of(label).prefix()) < 0) {
        throw new UsageException(
            "label \""
                + label
                + "\" is no tag of "
                + name()
                + ", whose tags begin with one of "
                + prefixes
                + ": leave the entity scheme out, or give another");
      }
    }
  }

  boolean isSingle(Tag tag) {
    return tag.prefix() == single;
  }

  boolean isEnd(Tag tag) {
    return tag.prefix() == end;
  }
}
