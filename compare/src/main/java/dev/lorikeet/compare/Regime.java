package dev.lorikeet.compare;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What is trained, and what it starts from. */
public enum Regime {
  /** A low-rank adapter and the head, in a frozen pretrained model. */
  LORA,
  /** All weights of a pretrained model. */
  FULL,
  /** The head alone, on a frozen pretrained model. */
  PROBE,
  /** All weights, drawn anew. */
  SCRATCH;

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The regime called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Regime of(String id) {
    return Arrays.stream(values())
        .filter(regime -> regime.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown method \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(Regime::id)
                            .collect(Collectors.joining(", "))));
  }
}
