package dev.lorikeet.lora;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What decides which sign an element has, where adapters disagree. */
public enum MajoritySign {
  /** The sign of the sum. */
  TOTAL,
  /** The sign that more adapters have. */
  FREQUENCY;

  /** PEFT's name. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The one called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static MajoritySign of(String id) {
    return Arrays.stream(values())
        .filter(sign -> sign.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown majority sign method \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(MajoritySign::id)
                            .collect(Collectors.joining(" or "))));
  }
}
