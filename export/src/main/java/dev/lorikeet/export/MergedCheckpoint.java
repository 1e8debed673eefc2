package dev.lorikeet.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.OutputFolder.ThrowingConsumer;
import dev.lorikeet.models.Safetensors;
import java.nio.file.Path;
import java.util.Map;

/**
 * Writes a model as it computes now, its adapter merged, as an ordinary Hugging Face checkpoint:
 * {@code config.json} and {@code model.safetensors}.
 */
public final class MergedCheckpoint {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private MergedCheckpoint() {}

  /**
   * Writes the folder, whole or not at all.
   *
   * @param files adds what belongs beside the model, such as the tokenizer's files
   * @throws dev.lorikeet.torch.LorikeetException when the folder cannot be written, or the model is
   *     one that no checkpoint can hold ({@link Model#storedConfig})
   */
  public static void write(Model model, Path folder, ThrowingConsumer<Path> files) {
    ModelConfig config = model.storedConfig();
    OutputFolder.write(
        folder,
        temporary -> {
          Safetensors.write(
              temporary.resolve("model.safetensors"), model.stateDict(), Map.of("format", "pt"));
          JSON.writeValue(temporary.resolve("config.json").toFile(), config.json());
          files.accept(temporary);
        });
  }
}
