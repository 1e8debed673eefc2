package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.OutputFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code metrics.jsonl}: a line of JSON for every measurement, on the disk at once. A run that goes
 * on where another stopped goes on with its file, so that every step is there once.
 */
public final class JsonlMetrics implements Tracker {
  /** The file's name. */
  public static final String FILE = "metrics.jsonl";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;

  /** The last step of each kind in the file. */
  private final Map<Kind, Long> last = new EnumMap<>(Kind.class);

  /** Metrics in a folder, which is made with the first line. */
  public JsonlMetrics(Path folder) {
    file = folder.resolve(FILE);
  }

  @Override
  public String name() {
    return file.toString();
  }

  @Override
  public void start(long step) throws IOException {
    last.clear();
    if (step == 0) {
      Files.deleteIfExists(file);
    } else if (Files.exists(file)) {
      keepUpTo(step);
    }
  }

  /** Leaves out the lines of later steps, and one that was not written to its end. */
  private void keepUpTo(long step) {
    List<JsonNode> kept = read(file).stream().filter(l -> l.path("step").asLong() <= step).toList();
    kept.forEach(line -> last.put(kind(line), line.path("step").asLong()));
    OutputFolder.writeFile(
        file,
        stream -> {
          for (JsonNode line : kept) {
            stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
          }
        });
  }

  private static Kind kind(JsonNode line) {
    return line.has("loss") ? Kind.TRAIN : Kind.EVALUATION;
  }

  /** A file's lines up to the first that is none; none where there is no file. */
  static List<JsonNode> read(Path file) {
    List<JsonNode> lines = new ArrayList<>();
    try {
      for (String line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
        lines.add(JSON.readTree(line));
      }
    } catch (JsonProcessingException e) {
      return lines;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return lines;
  }

  @Override
  public void record(Measurement measurement) throws IOException {
    if (measurement.step() <= last.getOrDefault(measurement.kind(), -1L)) {
      return; // the run that this one goes on from has recorded it
    }
    last.put(measurement.kind(), measurement.step());
    ObjectNode line = JSON.createObjectNode();
    line.put("step", measurement.step());
    line.put("epoch", measurement.epoch());
    measurement.values().forEach((name, value) -> line.put(name, finite(value)));
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** JSON has no word for NaN and infinity. */
  private static @Nullable Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  @Override
  public void end(Outcome outcome) {}
}
