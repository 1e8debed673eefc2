package dev.lorikeet.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Checkpoints of two layers, 32 wide, recorded with transformers 5.18.0; and copies of them with
 * changes.
 */
final class TinyCheckpoint {
  static final String CLASSIFY = "bert-classify-lora";
  static final String TAG = "bert-tag-rslora-pattern";
  static final String MLM = "bert-mlm";

  private static final ObjectMapper JSON = new ObjectMapper();

  private TinyCheckpoint() {}

  static Path folder(String name) {
    try {
      URI folder =
          Objects.requireNonNull(TinyCheckpoint.class.getResource("/golden/" + name)).toURI();
      return Path.of(folder);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What transformers computed for the checkpoint, and from what. */
  static Safetensors expected(String name) {
    return Safetensors.open(folder(name).resolve("expected.safetensors"));
  }

  /** The batch that {@link #expected} answers, [4, 10] with padding and two texts a row. */
  static ModelInput input(String name) {
    Safetensors expected = expected(name);
    return new ModelInput(
        expected.tensor("inputs.input_ids"),
        expected.tensor("inputs.attention_mask"),
        expected.names().contains("inputs.token_type_ids")
            ? expected.tensor("inputs.token_type_ids")
            : null);
  }

  /** A copy in {@code copy} with another configuration. */
  static Path withConfig(Path copy, String name, Consumer<ObjectNode> change) {
    return changed(copy, name, change, tensors -> {});
  }

  /** A copy in {@code copy} with other tensors. */
  static Path withTensors(Path copy, String name, Consumer<Map<String, Tensor>> change) {
    return changed(copy, name, config -> {}, change);
  }

  static Path changed(
      Path copy,
      String name,
      Consumer<ObjectNode> changeConfig,
      Consumer<Map<String, Tensor>> changeTensors) {
    try (Scope scope = Scope.open()) {
      ObjectNode config = (ObjectNode) JSON.readTree(folder(name).resolve("config.json").toFile());
      changeConfig.accept(config);
      JSON.writeValue(copy.resolve("config.json").toFile(), config);
      Safetensors file = Safetensors.open(folder(name).resolve("model.safetensors"));
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      file.names().forEach(tensor -> tensors.put(tensor, file.tensor(tensor)));
      changeTensors.accept(tensors);
      Safetensors.write(copy.resolve("model.safetensors"), tensors, Map.of("format", "pt"));
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Gives the tensors whose names have the pattern other names. */
  static void rename(Map<String, Tensor> tensors, String pattern, String replacement) {
    for (String name : List.copyOf(tensors.keySet())) {
      tensors.put(
          name.replaceFirst(pattern, replacement), Objects.requireNonNull(tensors.remove(name)));
    }
  }

  /** For a checkpoint as it is, in the lowest precision that models compute in. */
  static ModelOptions bfloat16() {
    return ModelOptions.DEFAULT.withPrecision(DType.BFLOAT16);
  }

  /** A folder with nothing but a configuration, 64 wide, for models from scratch. */
  static Path configOnly(Path folder) {
    try {
      ObjectNode config =
          (ObjectNode) JSON.readTree(folder(CLASSIFY).resolve("config.json").toFile());
      config.put("hidden_size", 64).put("intermediate_size", 256).put("vocab_size", 1000);
      Files.writeString(folder.resolve("config.json"), config.toString());
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
