package dev.lorikeet.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.torch.LorikeetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes examples as one JSON object a line: {@code {"text": ..., "label": ...}}. */
public final class JsonLines {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private JsonLines() {}

  /**
   * Writes a file that {@link DataReader} reads back. The fields are {@code text}, an array when
   * there are words; {@code text_pair}; and {@code label}: an array when any example has several
   * labels or words, and left out of unlabelled examples otherwise.
   *
   * @throws LorikeetException when the file cannot be written
   */
  public static void write(Path file, List<Example> examples) {
    boolean arrays = examples.stream().anyMatch(e -> e.labels().size() > 1 || !e.words().isEmpty());
    OutputFolder.writeFile(
        file,
        stream -> {
          for (Example example : examples) {
            String line = MAPPER.writeValueAsString(fields(example, arrays));
            stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
          }
        });
  }

  private static Map<String, Object> fields(Example example, boolean arrays) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("text", example.words().isEmpty() ? example.text() : example.words());
    if (example.textPair() != null) {
      fields.put("text_pair", example.textPair());
    }
    if (arrays) {
      fields.put("label", example.labels());
    } else if (!example.labels().isEmpty()) {
      fields.put("label", example.labels().get(0));
    }
    return fields;
  }
}
