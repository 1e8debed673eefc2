package dev.lorikeet.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The weights of a checkpoint as files: {@code model.safetensors}, or where that would be too large
 * shards, {@code model-00001-of-00003.safetensors} and so on, and {@code
 * model.safetensors.index.json} that says which tensor is in which. The shards are those that
 * transformers would make: filled in the order of the tensors, one that is larger than a shard
 * alone in its own.
 */
public final class WeightFiles {
  /** 5 GB, from which on a checkpoint is written as several files. */
  public static final long MAX_SHARD_BYTES = 5_000_000_000L;

  private static final Map<String, String> METADATA = Map.of("format", "pt");
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final List<Map<String, TensorSource>> shards;

  private WeightFiles(List<Map<String, TensorSource>> shards) {
    this.shards = shards;
  }

  /** The files for {@code tensors}, none larger than {@code maxShardBytes} where that can be. */
  public static WeightFiles of(Map<String, Tensor> tensors, long maxShardBytes) {
    return ofSources(TensorSource.of(tensors), maxShardBytes);
  }

  static WeightFiles ofSources(Map<String, TensorSource> tensors, long maxShardBytes) {
    List<Map<String, TensorSource>> shards = new ArrayList<>();
    Map<String, TensorSource> shard = new LinkedHashMap<>();
    long size = 0;
    for (Map.Entry<String, TensorSource> named : tensors.entrySet()) {
      long bytes = named.getValue().bytes();
      if (bytes > maxShardBytes) {
        shards.add(Map.of(named.getKey(), named.getValue()));
        continue;
      }
      if (size + bytes > maxShardBytes) {
        shards.add(shard);
        shard = new LinkedHashMap<>();
        size = 0;
      }
      shard.put(named.getKey(), named.getValue());
      size += bytes;
    }
    if (!shard.isEmpty() || shards.isEmpty()) {
      shards.add(shard);
    }
    return new WeightFiles(shards);
  }

  /** How many safetensors files there are. */
  public int count() {
    return shards.size();
  }

  /**
   * Refuses a folder in which shards would lie beside another model's single file, which readers
   * prefer.
   *
   * @throws LorikeetException when it has one
   */
  public void mustFitInto(Path folder) {
    if (count() > 1 && Files.exists(folder.resolve(Checkpoint.SINGLE_FILE))) {
      throw new LorikeetException(
          folder
              + " has a "
              + Checkpoint.SINGLE_FILE
              + ", which would be read instead of the "
              + count()
              + " files to be written: choose another output");
    }
  }

  /**
   * Writes the files.
   *
   * @throws LorikeetException when one cannot be written
   */
  public void write(Path folder) throws IOException {
    if (count() == 1) {
      Safetensors.writeSources(folder.resolve(Checkpoint.SINGLE_FILE), shards.get(0), METADATA);
      return;
    }
    for (int i = 0; i < count(); i++) {
      Safetensors.writeSources(folder.resolve(name(i)), shards.get(i), METADATA);
    }
    JSON.writeValue(folder.resolve(Checkpoint.INDEX).toFile(), index());
  }

  private String name(int shard) {
    return String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", shard + 1, count());
  }

  private ObjectNode index() {
    long parameters = 0;
    long bytes = 0;
    Map<String, String> files = new TreeMap<>();
    for (int i = 0; i < count(); i++) {
      for (Map.Entry<String, TensorSource> named : shards.get(i).entrySet()) {
        parameters += named.getValue().count();
        bytes += named.getValue().bytes();
        files.put(named.getKey(), name(i));
      }
    }
    ObjectNode index = JSON.createObjectNode();
    index.putObject("metadata").put("total_parameters", parameters).put("total_size", bytes);
    index.set(Checkpoint.WEIGHT_MAP, JSON.valueToTree(files));
    return index;
  }
}
