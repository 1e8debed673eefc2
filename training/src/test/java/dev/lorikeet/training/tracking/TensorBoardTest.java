package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.ByteString;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardTest {
  private static final Instant NOW = Instant.ofEpochSecond(1_700_000_000, 500_000_000);

  @TempDir Path temporary;

  private Tracking tracking(Instant now) {
    return new Tracking(
        List.of(new TensorBoard(temporary, Runs.SETTINGS, InstantSource.fixed(now))),
        warning -> {
          throw new AssertionError(warning);
        });
  }

  /** The events of a file, its checksums checked. */
  private List<DynamicMessage> events(int file) throws IOException {
    Path path;
    try (Stream<Path> files = Files.list(temporary)) {
      path = files.sorted().toList().get(file);
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    List<DynamicMessage> events = new ArrayList<>();
    while (bytes.hasRemaining()) {
      byte[] length = new byte[8];
      bytes.get(length);
      assertThat(bytes.getInt()).isEqualTo(EventFile.maskedCrc(length, 8));
      byte[] data = new byte[(int) bytes.getLong(bytes.position() - 12)];
      bytes.get(data);
      assertThat(bytes.getInt()).isEqualTo(EventFile.maskedCrc(data, data.length));
      DynamicMessage event = DynamicMessage.parseFrom(EventMessages.EVENT, data);
      assertThat(event.getUnknownFields().asMap()).isEmpty();
      events.add(event);
    }
    return events;
  }

  private static Object get(Message message, String field) {
    return message.getField(message.getDescriptorForType().findFieldByName(field));
  }

  private static List<Message> values(Message event) {
    List<Message> values = new ArrayList<>();
    ((List<?>) get((Message) get(event, "summary"), "value")).forEach(v -> values.add((Message) v));
    return values;
  }

  private static Map<String, Float> scalars(Message event) {
    Map<String, Float> scalars = new LinkedHashMap<>();
    values(event).forEach(v -> scalars.put((String) get(v, "tag"), (Float) get(v, "simple_value")));
    return scalars;
  }

  @Test
  void numbersAreScalarsUnderTransformersNames() throws IOException {
    try (Tracking tracking = tracking(NOW)) {
      tracking.started(List.of(), 4);
      tracking.logged(Runs.step(4));
      tracking.evaluated(Runs.evaluated(4, 0.5));
      tracking.end(Outcome.FINISHED);
    }
    List<DynamicMessage> events = events(0);
    assertThat(events).hasSize(5);
    assertThat(get(events.get(0), "file_version")).isEqualTo("brain.Event:2");
    assertThat(events).allMatch(event -> get(event, "wall_time").equals(1_700_000_000.5));
    assertThat(get(events.get(3), "step")).isEqualTo(4L);
    assertThat(scalars(events.get(3)))
        .containsEntry("train/loss", 0.5f)
        .containsEntry("train/learning_rate/lora_B", 4e-3f)
        .containsEntry("train/grad_norm", 0.5f)
        .containsEntry("train/epoch", 0.4f);
    assertThat(scalars(events.get(4)))
        .containsOnlyKeys("eval/loss", "eval/accuracy", "eval/macro_f1", "eval/seconds")
        .containsEntry("eval/accuracy", 0.5f);
  }

  @Test
  void settingsAreAText() throws IOException {
    try (Tracking tracking = tracking(NOW)) {
      tracking.started(List.of(), 4);
    }
    Message value = values(events(0).get(2)).get(0);
    assertThat(get(value, "tag")).isEqualTo("recipe");
    Message plugin = (Message) get((Message) get(value, "metadata"), "plugin_data");
    assertThat(get(plugin, "plugin_name")).isEqualTo("text");
    Message tensor = (Message) get(value, "tensor");
    ByteString text = (ByteString) ((List<?>) get(tensor, "string_val")).get(0);
    assertThat(text.toStringUtf8())
        .startsWith("    {\n      \"model\" : \"minilm\",\n")
        .endsWith("    }");
  }

  @Test
  void runThatGoesOnVoidsLaterSteps() throws IOException {
    try (Tracking tracking = tracking(NOW)) {
      Runs.steps(tracking, 1, 3);
    }
    try (Tracking tracking = tracking(NOW.plusSeconds(1))) {
      tracking.resumed(2);
      Runs.steps(tracking, 3, 4);
    }
    Message start = events(1).get(1);
    assertThat(get(start, "step")).isEqualTo(3L);
    assertThat(get((Message) get(start, "session_log"), "status")).isEqualTo(1);
    Message next = events(1).get(2);
    assertThat(get(next, "step")).isEqualTo(3L);
    assertThat(scalars(next).get("train/loss")).isCloseTo(2 / 3f, within(1e-6f));
  }

  @Test
  void eventIsOnTheDiskBeforeTheNext() throws IOException {
    try (Tracking tracking = tracking(NOW)) {
      tracking.started(List.of(), 4);
      int before = events(0).size();
      tracking.logged(Runs.step(1));
      assertThat(events(0)).hasSize(before + 1);
    }
  }
}
