package dev.lorikeet.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;

/** JSON of files, and in a reader's words what is wrong with it. Thread-safe. */
public final class JsonFile {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** Which of the library's settings bounds what was read. */
  private static final Pattern SETTING = Pattern.compile(", from `[^`]*`");

  private JsonFile() {}

  /**
   * Reads a file.
   *
   * @return what it holds; a missing node when it is empty
   * @throws LorikeetException when it cannot be read or is not JSON, naming it and the place
   */
  public static JsonNode read(Path file) {
    try {
      return JSON.readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new LorikeetException(file + " is not JSON: " + problem(e) + place(e), e);
    } catch (IOException e) {
      throw new LorikeetException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  private static String place(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : ", at line "
            + e.getLocation().getLineNr()
            + ", character "
            + e.getLocation().getColumnNr();
  }

  /** What is wrong, without the place. */
  public static String problem(JsonProcessingException e) {
    String message =
        e.getOriginalMessage()
            .lines()
            .filter(line -> !line.isBlank())
            .findFirst()
            .orElse("it cannot be read");
    if (message.startsWith("Unexpected end-of-input")) {
      return "it ends too early";
    }
    if (message.startsWith("Trailing token")) {
      return "there is more behind its end";
    }
    return message.substring(0, 1).toLowerCase(Locale.ROOT)
        + SETTING.matcher(message.substring(1)).replaceAll("");
  }
}
