package dev.lorikeet.endtoend;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Models of the golden cases, whose weights are random, with a tokenizer of characters: they train
 * within a second.
 */
final class Tiny {
  private static final Path RESOURCES = Path.of("resources");

  private static final List<String> CHECKPOINT = List.of("config.json", "model.safetensors");
  private static final List<String> TOKENIZER = List.of("tokenizer.json", "tokenizer_config.json");

  private Tiny() {}

  /** Copies a folder with a checkpoint into another, the tokenizer beside it. */
  static Path modelOf(Path checkpoint, Path folder) {
    try {
      Files.createDirectories(folder);
      copy(checkpoint, folder, CHECKPOINT);
      copy(RESOURCES.resolve("chat/tiny"), folder, TOKENIZER);
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void copy(Path from, Path to, List<String> names) throws IOException {
    for (String name : names) {
      Files.copy(from.resolve(name), to.resolve(name));
    }
  }

  /** Copies a golden case's checkpoint into a folder of its name, the tokenizer beside it. */
  static Path model(String golden, Path parent) {
    return modelOf(RESOURCES.resolve("golden").resolve(golden), parent.resolve(golden));
  }

  /** Eight texts of two labels, which their first letters tell. */
  static Path texts(Path parent) {
    return file(
        parent.resolve("texts.jsonl"),
        """
        {"text": "an apple", "label": "fruit"}
        {"text": "the dog", "label": "animal"}
        {"text": "an acorn", "label": "fruit"}
        {"text": "the fox", "label": "animal"}
        {"text": "an orange", "label": "fruit"}
        {"text": "the cow", "label": "animal"}
        {"text": "an olive", "label": "fruit"}
        {"text": "the cat", "label": "animal"}
        """);
  }

  /** Four texts to continue. */
  static Path stories(Path parent) {
    return file(
        parent.resolve("stories.jsonl"),
        """
        {"text": "a cat sat"}
        {"text": "a dog ran"}
        {"text": "a fox hid"}
        {"text": "a cow ate"}
        """);
  }

  /** A JSON object. */
  static String json(Map<String, ?> fields) {
    return new ObjectMapper().valueToTree(fields).toString();
  }

  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path file(Path file, String text) {
    try {
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
