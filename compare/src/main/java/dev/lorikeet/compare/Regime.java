package dev.lorikeet.compare;

import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What is trained, and what it starts from. */
public enum Regime {
  /** An adapter and the head, in a frozen pretrained model. */
  ADAPTER,
  /** All weights of a pretrained model. */
  FULL,
  /** The biases and the head of a pretrained model (Ben Zaken et al. 2021, arXiv:2106.10199). */
  BITFIT,
  /** The head alone, on a frozen pretrained model. */
  PROBE,
  /** All weights, drawn anew. */
  SCRATCH;

  /** The name that users type; they type an adapter method's own instead of {@code adapter}. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The regime of a method: {@link #ADAPTER} for an adapter method's name, else the regime called
   * so.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Regime of(String method) {
    if (AdapterMethods.ofId(method).isPresent()) {
      return ADAPTER;
    }
    return others()
        .filter(regime -> regime.id().equals(method))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown method \""
                        + method
                        + "\": use "
                        + Stream.concat(AdapterMethods.ids().stream(), others().map(Regime::id))
                            .collect(Collectors.joining(", "))));
  }

  private static Stream<Regime> others() {
    return Arrays.stream(values()).filter(regime -> regime != ADAPTER);
  }
}
