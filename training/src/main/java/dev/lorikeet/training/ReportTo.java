package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Whom a run is reported to, beside {@code metrics.jsonl}, which is always written. */
public enum ReportTo {
  TENSORBOARD,
  MLFLOW;

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The tracker called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static ReportTo of(String id) {
    return Arrays.stream(values())
        .filter(tracker -> tracker.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "report_to is \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(ReportTo::id)
                            .collect(Collectors.joining(", "))
                        + " or none"));
  }
}
