package dev.lorikeet.training;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * One checkpoint of a run: a folder with {@code parameters.safetensors}, {@code
 * optimizer.safetensors}, {@code best.safetensors} where an evaluation has been kept, and {@code
 * state.json}, which has all else, the hashes of these and its own. Where several runs step
 * together it holds them all: their tensors' names and their states are under the runs' names.
 *
 * <p>It appears under its name in one move, after all bytes have reached the disk.
 */
final class RunCheckpoint {
  private static final String PARAMETERS = "parameters.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String BEST = "best.safetensors";
  private static final String STATE = "state.json";
  private static final int FORMAT = 1;

  /** In {@code state.json}, the hash of all else in it. */
  private static final String HASH = "sha256";

  private static final ObjectMapper JSON =
      new ObjectMapper().setVisibility(PropertyAccessor.FIELD, Visibility.ANY);

  private final Path folder;
  private final JsonNode json;
  private final JsonNode state;
  private final String run;

  private RunCheckpoint(Path folder, JsonNode json, JsonNode state, String run) {
    this.folder = folder;
    this.json = json;
    this.state = state;
    this.run = run;
  }

  /** The part of one of several runs. */
  RunCheckpoint of(String name) {
    return new RunCheckpoint(folder, json, state.path(name), name);
  }

  /** What a key of a run is called where there are several. */
  static String key(String run, String key) {
    return run.isEmpty() ? key : run + "/" + key;
  }

  // ---- writing ----

  /**
   * Writes a checkpoint.
   *
   * @param folder does not exist
   * @param state a {@link RunState}, or several by the runs' names
   * @throws LorikeetException when it cannot be written
   */
  static void write(
      Path folder,
      Map<String, String> identity,
      Object state,
      Map<String, Tensor> parameters,
      Map<String, Tensor> optimizer,
      Map<String, Tensor> best) {
    OutputFolder.write(
        folder,
        temporary -> {
          ObjectNode files = JsonNodeFactory.instance.objectNode();
          tensors(temporary, PARAMETERS, parameters, files);
          tensors(temporary, OPTIMIZER, optimizer, files);
          tensors(temporary, BEST, best, files);
          ObjectNode json = JsonNodeFactory.instance.objectNode().put("format", FORMAT);
          json.set("files", files);
          json.set("run", JSON.valueToTree(identity));
          json.set("state", JSON.valueToTree(state));
          json.put(HASH, hash(json));
          Files.write(temporary.resolve(STATE), JSON.writeValueAsBytes(json));
          sync(temporary.resolve(STATE), StandardOpenOption.WRITE);
          syncFolder(temporary);
        });
    try {
      syncFolder(Objects.requireNonNull(folder.toAbsolutePath().getParent()));
    } catch (IOException e) {
      throw new LorikeetException(folder + " cannot be written: " + e.getMessage(), e);
    }
  }

  private static void tensors(
      Path folder, String name, Map<String, Tensor> tensors, ObjectNode files) throws IOException {
    if (!tensors.isEmpty()) {
      Path file = folder.resolve(name);
      Safetensors.write(file, tensors, Map.of());
      sync(file, StandardOpenOption.WRITE);
      files.put(name, FileHash.sha256(file));
    }
  }

  /** Makes the names in a folder outlive a loss of power; Windows neither can nor needs to. */
  private static void syncFolder(Path folder) throws IOException {
    if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
      sync(folder, StandardOpenOption.READ);
    }
  }

  private static void sync(Path path, StandardOpenOption mode) throws IOException {
    try (FileChannel channel = FileChannel.open(path, mode)) {
      channel.force(true);
    }
  }

  // ---- reading ----

  /**
   * Opens a checkpoint and checks that every file is as it was written.
   *
   * @throws LorikeetException when one is not
   */
  static RunCheckpoint open(Path folder) {
    JsonNode json = json(folder.resolve(STATE));
    if (json.path("format").asInt() != FORMAT) {
      throw new LorikeetException(
          "its format is " + json.path("format") + ", this version reads " + FORMAT);
    }
    json.path("files")
        .properties()
        .forEach(
            entry -> {
              String name = entry.getKey();
              Path file = folder.resolve(name);
              if (!Files.isRegularFile(file)) {
                throw new LorikeetException(name + " is missing");
              }
              if (!FileHash.sha256(file).equals(entry.getValue().asText())) {
                throw new LorikeetException(name + " is not as it was written");
              }
            });
    return new RunCheckpoint(folder, json, json.path("state"), "");
  }

  /** The hash of what a record says, whatever stands between its words. */
  private static String hash(JsonNode record) throws IOException {
    ObjectNode rest = record.deepCopy();
    rest.remove(HASH);
    // Read again, so that numbers are what a reader takes them for.
    return FileHash.sha256(JSON.writeValueAsBytes(JSON.readTree(JSON.writeValueAsBytes(rest))));
  }

  private static JsonNode json(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(STATE + " is missing");
    }
    try {
      JsonNode json = JSON.readTree(file.toFile());
      if (!json.isObject() || !json.path(HASH).asText().equals(hash(json))) {
        throw new LorikeetException(STATE + " is not as it was written");
      }
      return json;
    } catch (JsonProcessingException e) {
      throw new LorikeetException(STATE + " is not JSON: " + JsonFile.problem(e), e);
    } catch (IOException e) {
      throw new LorikeetException(STATE + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** What the run that was saved is known by. */
  Map<String, String> identity() {
    Map<String, String> identity = new LinkedHashMap<>();
    json.path("run").properties().forEach(e -> identity.put(e.getKey(), e.getValue().asText()));
    return identity;
  }

  /** Sets every field of a state. */
  void readInto(RunState present) {
    try {
      JSON.readerForUpdating(present).readValue(state);
    } catch (JsonProcessingException e) {
      throw new LorikeetException(
          folder + " is of another version: " + JsonFile.problem(e) + ": delete it", e);
    } catch (IOException e) {
      throw new LorikeetException(folder + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Overwrites tensors with those saved under their names. */
  void readParameters(Map<String, Tensor> parameters) {
    overwrite(parameters, PARAMETERS);
  }

  /** Overwrites an optimizer's state. */
  void readOptimizer(Map<String, Tensor> optimizer) {
    overwrite(optimizer, OPTIMIZER);
  }

  /** Overwrites copies of the best parameters. */
  void readBest(Map<String, Tensor> best) {
    overwrite(best, BEST);
  }

  private void overwrite(Map<String, Tensor> tensors, String name) {
    if (tensors.isEmpty()) {
      return;
    }
    if (!json.path("files").has(name)) {
      throw new LorikeetException(folder + " has no " + name + ": it is of another version");
    }
    Safetensors file = Safetensors.open(folder.resolve(name));
    tensors.forEach((key, tensor) -> mustMatch(file, name, key(run, key), tensor));
    tensors.forEach(
        (key, tensor) -> {
          try (Scope scope = Scope.open()) {
            tensor.setInPlace(file.tensor(key(run, key)));
          }
        });
  }

  /** Before anything is overwritten. */
  private void mustMatch(Safetensors file, String name, String key, Tensor tensor) {
    if (!file.names().contains(key)) {
      throw new LorikeetException(
          folder.resolve(name) + " has no \"" + key + "\", which the run trains: delete " + folder);
    }
    Safetensors.Entry saved = file.entry(key);
    if (saved.dtype() != tensor.dtype() || !Arrays.equals(saved.shape(), tensor.shape())) {
      throw new LorikeetException(
          String.format(
              "%s: \"%s\" is %s %s, and in this run %s %s: delete %s",
              folder.resolve(name),
              key,
              saved.dtype(),
              Arrays.toString(saved.shape()),
              tensor.dtype(),
              Arrays.toString(tensor.shape()),
              folder));
    }
    try (Scope scope = Scope.open()) {
      if (!file.tensor(key).isFinite()) {
        throw new LorikeetException(
            folder.resolve(name)
                + (": \"" + key + "\" has NaN or infinite elements: delete " + folder));
      }
    }
  }

  // ---- deleting ----

  /** Deletes a folder: under another name, so that no half of it is ever taken for a checkpoint. */
  static void delete(Path folder) {
    try {
      Path doomed = folder.resolveSibling(".deleted-" + folder.getFileName());
      if (!folder.equals(doomed)) {
        deleteFiles(doomed);
        Files.move(folder, doomed);
      }
      deleteFiles(doomed);
    } catch (IOException e) {
      throw new LorikeetException(folder + " cannot be deleted: " + e.getMessage(), e);
    }
  }

  private static void deleteFiles(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> innermostLast;
    try (Stream<Path> paths = Files.walk(folder)) {
      innermostLast = new ArrayList<>(paths.toList());
    }
    for (int i = innermostLast.size() - 1; i >= 0; i--) {
      Files.deleteIfExists(innermostLast.get(i));
    }
  }
}
