package dev.lorikeet.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.OutputFolder.ThrowingConsumer;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.models.WeightFiles;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model as it computes now, its adapter merged, as an ordinary Hugging Face checkpoint:
 * {@code config.json} and {@code model.safetensors}, or its shards where it is large.
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
    write(model, folder, WeightFiles.MAX_SHARD_BYTES, files);
  }

  /** {@link #write(Model, Path, ThrowingConsumer)} in shards of another size. */
  static void write(Model model, Path folder, long maxShardBytes, ThrowingConsumer<Path> files) {
    mustNotBeRead(model.checkpoint(), folder);
    try (Model.Lease asItIs = model.share()) {
      ModelConfig config = model.storedConfig();
      WeightFiles weights = WeightFiles.of(model.stateDict(), maxShardBytes);
      weights.mustFitInto(folder);
      OutputFolder.write(
          folder,
          ResultKind.MODEL,
          temporary -> {
            weights.write(temporary);
            JSON.writeValue(temporary.resolve("config.json").toFile(), config.json());
            files.accept(temporary);
          });
    }
  }

  private static void mustNotBeRead(@Nullable Checkpoint checkpoint, Path folder) {
    if (checkpoint != null && OutputFolder.isSame(checkpoint.folder(), folder)) {
      throw ResultKind.refused(folder, "is the model that is read");
    }
  }
}
