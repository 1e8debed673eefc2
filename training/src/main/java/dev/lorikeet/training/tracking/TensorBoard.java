package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A run in TensorBoard: its numbers as scalars, its settings as a text. */
public final class TensorBoard implements Tracker {
  private final Path folder;
  private final JsonNode settings;
  private final InstantSource clock;
  private @Nullable EventFile file;

  /**
   * A run whose files lie in {@code folder}; what they say of an earlier run there is void.
   *
   * @param settings of the run
   */
  public TensorBoard(Path folder, JsonNode settings, InstantSource clock) {
    this.folder = folder;
    this.settings = settings;
    this.clock = clock;
  }

  @Override
  public String name() {
    return "TensorBoard (" + folder + ")";
  }

  @Override
  public void start(long step) throws IOException {
    EventFile opened = EventFile.create(folder, clock.instant().getEpochSecond());
    file = opened;
    opened.write(EventMessages.version(now()));
    opened.write(EventMessages.start(now(), step == 0 ? 0 : step + 1));
    if (step == 0) {
      opened.write(EventMessages.text(now(), "recipe", indented(settings.toPrettyString())));
    }
  }

  /** As code in Markdown. */
  private static String indented(String text) {
    return text.lines().map(line -> "    " + line).collect(Collectors.joining("\n"));
  }

  @Override
  public void record(Measurement measurement) throws IOException {
    Map<String, Double> tagged = new LinkedHashMap<>();
    measurement.values().forEach((name, value) -> tagged.put(tag(name), value));
    if (measurement.kind() == Kind.TRAIN) {
      tagged.put("train/epoch", measurement.epoch());
    }
    if (file != null) {
      file.write(EventMessages.scalars(now(), measurement.step(), tagged));
    }
  }

  /** As transformers names them: {@code train/loss}, {@code eval/accuracy}. */
  private static String tag(String name) {
    return name.startsWith("eval_") ? "eval/" + name.substring(5) : "train/" + name;
  }

  private double now() {
    return clock.millis() / 1e3;
  }

  @Override
  public void end(Outcome outcome) throws IOException {
    if (file != null) {
      file.close();
    }
  }
}
