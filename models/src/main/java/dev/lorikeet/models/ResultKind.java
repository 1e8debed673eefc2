package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a folder may hold, told by its files' names: those that Lorikeet, transformers and PEFT
 * give. A folder may hold other files besides, which belong to nobody's result.
 */
public enum ResultKind {
  /** PEFT's files, or another tool's. */
  ADAPTER(
      "an adapter", "adapter_config\\.json|(adapters?_model|adapters|lora)\\.(safetensors|bin)"),
  /** A checkpoint. */
  MODEL(
      "a model",
      "config\\.json|(model|pytorch_model)(-\\d+-of-\\d+)?\\.(safetensors|bin)"
          + "|(model\\.safetensors|pytorch_model\\.bin)\\.index\\.json"),
  /** An ONNX model, whose config.json is its own. */
  ONNX("an ONNX model", "model\\.onnx(_data)?");

  /** What Lorikeet writes beside each of its results, and nobody else does. */
  static final String RECORD = "lorikeet.json";

  private static final Pattern BESIDE =
      Pattern.compile(
          "lorikeet\\.json|merge_receipt\\.json|comparison\\.json|generation_config\\.json"
              + "|(pre)?processor_config\\.json|tokenizer(_config)?\\.json|tokenizer\\.model"
              + "|special_tokens_map\\.json|added_tokens\\.json|chat_template\\.(jinja|json)"
              + "|vocab\\.(txt|json)|merges\\.txt|spiece\\.model|sentencepiece\\.bpe\\.model");

  private static final Pattern MARKER =
      Pattern.compile("adapter_config\\.json|config\\.json|model\\.onnx|lorikeet\\.json");

  private final String description;
  private final Pattern names;

  ResultKind(String description, String names) {
    this.description = description;
    this.names = Pattern.compile(names);
  }

  /** The kind of a folder's result; empty where there is none. */
  static Optional<ResultKind> of(Path folder) {
    List<String> files = files(folder);
    // An ONNX model has a config.json, too; a model with an adapter beside it is the model.
    return Stream.of(ONNX, MODEL, ADAPTER)
        .filter(kind -> files.stream().anyMatch(name -> kind.names.matcher(name).matches()))
        .findFirst();
  }

  /** The names of a folder's files that are part of its result, whatever its kind. */
  static List<String> partsIn(Path folder) {
    return files(folder).stream().filter(ResultKind::isPart).toList();
  }

  private static boolean isPart(String name) {
    return BESIDE.matcher(name).matches()
        || Arrays.stream(values()).anyMatch(kind -> kind.names.matcher(name).matches());
  }

  /** Whether it is by this file that a reader knows a result; one without it cannot be opened. */
  static boolean isMarker(String name) {
    return MARKER.matcher(name).matches();
  }

  /**
   * Checks that a result of this kind may be written into a folder: that nothing is lost but an
   * older result of the same kind that Lorikeet wrote.
   *
   * @throws LorikeetException saying what is there
   */
  void mustFit(Path folder) {
    Optional<ResultKind> found = of(folder);
    if (found.isEmpty()) {
      return;
    }
    ResultKind old = found.get();
    if (old != this) {
      throw refused(
          folder, "holds " + old.description + ", and " + description + " is to be written there");
    }
    if (!Files.exists(folder.resolve(RECORD))) {
      throw refused(
          folder,
          "holds " + old.description + " that was not trained here (it has no " + RECORD + ")");
    }
  }

  /** Why a place is not written to, and what to do instead. */
  public static LorikeetException refused(Path place, String reason) {
    return new LorikeetException(
        place + " " + reason + ": choose another output, or give --overwrite to replace it");
  }

  private static List<String> files(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .sorted()
          .collect(Collectors.toList());
    } catch (IOException e) {
      throw new LorikeetException("cannot read " + folder + ": " + e.getMessage(), e);
    }
  }
}
