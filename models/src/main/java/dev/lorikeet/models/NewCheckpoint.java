package dev.lorikeet.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Writes a checkpoint with random weights of any model that a config.json describes. Tensors are
 * drawn one after the other and written at once: no more than the largest is in memory, in float32
 * and in the type that is written.
 */
public final class NewCheckpoint {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private static final Map<DType, String> NAMES =
      Map.of(
          DType.FLOAT32, "float32",
          DType.BFLOAT16, "bfloat16",
          DType.FLOAT16, "float16");

  private NewCheckpoint() {}

  /** What was written: the model's parameters, and the files of its weights. */
  public record Written(long parameters, int files) {}

  /**
   * Writes config.json, its keys kept and {@code dtype} set, and the weights. The head is that of
   * the class that config.json names. The same seed gives the values that {@link Model#open} gives
   * from scratch.
   *
   * @param dtype float32, bfloat16 or float16
   * @param maxShardBytes from which size on there are several files
   * @throws LorikeetException when config.json lacks a value or names a model or a head that is not
   *     supported, or the folder cannot be written
   */
  public static Written write(
      ModelConfig config,
      Path folder,
      DType dtype,
      Initialization initialization,
      long seed,
      long maxShardBytes) {
    String name = NAMES.get(dtype);
    if (name == null) {
      throw new UsageException("weights are float32, bfloat16 or float16, not " + dtype);
    }
    mustHaveKnownHead(config);
    ModelOptions options = ModelOptions.DEFAULT.withSeed(seed).fromScratch(initialization);
    try (Blueprint blueprint = Blueprint.of(config, options)) {
      WeightFiles files = WeightFiles.ofSources(sources(blueprint, dtype), maxShardBytes);
      files.mustFitInto(folder);
      OutputFolder.write(
          folder,
          ResultKind.MODEL,
          temporary -> {
            JSON.writeValue(temporary.resolve(Checkpoint.CONFIG).toFile(), json(config, name));
            files.write(temporary);
          });
      return new Written(blueprint.count(), files.count());
    }
  }

  /** A class with a head that is not built here would become an encoder of the wrong names. */
  private static void mustHaveKnownHead(ModelConfig config) {
    String architecture = config.json().path("architectures").path(0).asText("");
    if (config.headType() == null && architecture.matches(".*(For[A-Z]|LMHead).*")) {
      Architecture.Factory factory = Architectures.of(config);
      throw new LorikeetException(
          config.place()
              + ": architectures names "
              + architecture
              + ", whose head is not supported: write "
              + factory.heads().stream()
                  .map(factory::className)
                  .sorted()
                  .collect(Collectors.joining(", "))
              + ", or "
              + factory.className()
              + "Model for none");
    }
  }

  private static Map<String, TensorSource> sources(Blueprint blueprint, DType dtype) {
    Map<String, TensorSource> sources = new LinkedHashMap<>();
    blueprint
        .tensors()
        .forEach(
            (name, entry) ->
                sources.put(
                    name, new TensorSource(dtype, entry.shape(), () -> entry.draw().to(dtype))));
    return sources;
  }

  private static ObjectNode json(ModelConfig config, String dtype) {
    ObjectNode json = config.json().put("dtype", dtype);
    if (json.has("torch_dtype")) {
      json.put("torch_dtype", dtype); // its name before transformers 4.56
    }
    return json;
  }
}
