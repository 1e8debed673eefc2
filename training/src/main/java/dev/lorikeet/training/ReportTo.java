package dev.lorikeet.training;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.settings.Form;
import dev.lorikeet.models.settings.Section;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

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

  /** A list of trackers, or {@code none}. */
  public static final class Names implements Form<List<ReportTo>> {
    @Override
    public List<ReportTo> read(
        Section section, String key, Record defaults, @Nullable List<ReportTo> otherwise) {
      List<String> names = section.texts(key).stream().map(String::strip).toList();
      return names.equals(List.of("none")) ? List.of() : names.stream().map(ReportTo::of).toList();
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable List<ReportTo> value) {
      ArrayNode names = json.putArray(key);
      requireNonNull(value).forEach(tracker -> names.add(tracker.id()));
    }

    @Override
    public void describe(ObjectNode schema) {
      schema.putArray("type").add("array").add("string");
    }

    @Override
    public String label() {
      return "TRACKERS";
    }
  }
}
