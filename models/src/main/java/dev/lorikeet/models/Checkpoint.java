package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a Hugging Face model folder: {@code model.safetensors}, or the several files that
 * {@code model.safetensors.index.json} names.
 */
public final class Checkpoint {
  static final String CONFIG = "config.json";
  static final String SINGLE_FILE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";
  static final String WEIGHT_MAP = "weight_map";
  private static final Pattern PLAIN_NAME = Pattern.compile("[^/\\\\:\\x00]*\\.safetensors");

  private final Path folder;

  /** By file name, sorted. */
  private final Map<String, Safetensors> files = new TreeMap<>();

  /** The file of each tensor. */
  private final Map<String, Safetensors> places = new LinkedHashMap<>();

  private @Nullable CompletableFuture<String> hash;

  private Checkpoint(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens a folder and reads the headers of its weights, not the weights.
   *
   * @throws LorikeetException when there are no safetensors files, or when they are damaged or not
   *     those that the index names
   */
  public static Checkpoint open(Path folder) {
    Checkpoint checkpoint = new Checkpoint(folder);
    if (Files.exists(folder.resolve(SINGLE_FILE))) {
      Safetensors file = checkpoint.file(SINGLE_FILE);
      file.names().forEach(name -> checkpoint.places.put(name, file));
    } else if (Files.exists(folder.resolve(INDEX))) {
      checkpoint.openShards();
    } else {
      throw noWeights(folder);
    }
    return checkpoint;
  }

  private Safetensors file(String name) {
    return files.computeIfAbsent(name, key -> Safetensors.open(folder.resolve(key)));
  }

  private void openShards() {
    Path index = folder.resolve(INDEX);
    for (Map.Entry<String, JsonNode> entry : weightMap(index).properties()) {
      String name = entry.getKey();
      String shard = entry.getValue().asText();
      if (!PLAIN_NAME.matcher(shard).matches()) {
        throw new LorikeetException(
            index
                + ": tensor \""
                + name
                + "\" is in \""
                + shard
                + "\", not a safetensors file of this folder");
      }
      if (!Files.exists(folder.resolve(shard))) {
        throw new LorikeetException(
            folder + " lacks " + shard + ", which " + INDEX + " names: copy or download it again");
      }
      Safetensors file = file(shard);
      if (!file.names().contains(name)) {
        throw new LorikeetException(
            index
                + " places tensor \""
                + name
                + "\" in "
                + shard
                + ", which has no such tensor: copy or download both again");
      }
      places.put(name, file);
    }
  }

  /** Whether a folder has weights that {@link #open} opens. */
  public static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(SINGLE_FILE)) || Files.exists(folder.resolve(INDEX));
  }

  private static JsonNode weightMap(Path index) {
    JsonNode map = JsonFile.read(index).path(WEIGHT_MAP);
    if (!map.isObject()) {
      throw new LorikeetException(index + " has no \"" + WEIGHT_MAP + "\" object");
    }
    return map;
  }

  private static LorikeetException noWeights(Path folder) {
    if (!Files.isDirectory(folder)) {
      return new LorikeetException(folder + " is not a folder: give that of a model");
    }
    if (Files.exists(folder.resolve("adapter_model.safetensors"))) {
      return new LorikeetException(
          folder + " holds an adapter, not a model: give the folder of the model it adapts");
    }
    for (String pickle : new String[] {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
      if (Files.exists(folder.resolve(pickle))) {
        return new LorikeetException(
            folder
                + " has its weights in "
                + pickle
                + " only, and opening a pickle can run any code: convert it to safetensors"
                + " (transformers: model.save_pretrained(folder, safe_serialization=True))");
      }
    }
    return new LorikeetException(folder + " has neither " + SINGLE_FILE + " nor " + INDEX);
  }

  public Path folder() {
    return folder;
  }

  /** The names of all tensors. */
  public Set<String> names() {
    return Collections.unmodifiableSet(places.keySet());
  }

  public boolean has(String name) {
    return places.containsKey(name);
  }

  public long[] shape(String name) {
    return place(name).entry(name).shape().clone();
  }

  public DType dtype(String name) {
    return place(name).entry(name).dtype();
  }

  /**
   * A tensor, mapped to memory and read when touched.
   *
   * @throws LorikeetException when there is none of that name, with the nearest that there is
   */
  public Tensor tensor(String name) {
    return place(name).tensor(name);
  }

  private Safetensors place(String name) {
    Safetensors file = places.get(name);
    if (file == null) {
      throw new LorikeetException(
          folder
              + " has no tensor \""
              + name
              + "\"; nearest: "
              + String.join(", ", Nearest.of(name, names(), 1)));
    }
    return file;
  }

  /**
   * Begins to make {@link #sha256} on another thread, for a run that will ask for it at its end.
   *
   * @return this
   */
  public Checkpoint hashAhead() {
    hash = CompletableFuture.supplyAsync(this::hash);
    return this;
  }

  /**
   * The SHA-256 of config.json and all weights, in hexadecimal: the same for the same model,
   * wherever it lies. Reads every byte.
   *
   * @throws LorikeetException when a file cannot be read
   */
  public String sha256() {
    if (hash == null) {
      return hash();
    }
    try {
      return hash.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof LorikeetException failure ? failure : e;
    }
  }

  private String hash() {
    MessageDigest digest = FileHash.digest();
    update(digest, CONFIG);
    files.keySet().forEach(file -> update(digest, file));
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * A hash of the weights that is quick to make, whatever their size: of all tensors' names, types
   * and shapes, and of some bytes at the start, the middle and the end of each. The same for the
   * same weights, in however many files they lie, and whatever config.json says beside them.
   *
   * @return hexadecimal
   * @throws LorikeetException when a file cannot be read
   */
  public String fingerprint() {
    MessageDigest digest = FileHash.digest();
    for (String name : new TreeSet<>(places.keySet())) {
      digest.update((name + " " + place(name).entry(name) + "\n").getBytes(StandardCharsets.UTF_8));
      place(name).samples(name).forEach(digest::update);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Adds a file: its name and size, so that no two lists of files look alike, and its bytes. */
  private void update(MessageDigest digest, String name) {
    Path file = folder.resolve(name);
    try (InputStream in = Files.newInputStream(file)) {
      digest.update((name + " " + Files.size(file) + "\n").getBytes(StandardCharsets.UTF_8));
      byte[] bytes = new byte[1 << 20];
      for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
        digest.update(bytes, 0, n);
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static LorikeetException unreadable(Path file, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new LorikeetException(file + " does not exist", e);
    }
    return new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
  }
}
