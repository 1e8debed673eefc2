package dev.lorikeet.lora.formats;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** What the formats' folders have in common: a file of settings and one of tensors. */
final class AdapterFiles {
  static final String CONFIG = "adapter_config.json";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private AdapterFiles() {}

  static ObjectNode config(Path folder) {
    Path file = folder.resolve(CONFIG);
    if (Files.isRegularFile(file) && JsonFile.read(file) instanceof ObjectNode json) {
      return json;
    }
    throw new LorikeetException(folder + " has no " + CONFIG + " with settings of an adapter");
  }

  static void write(ObjectNode config, Path folder) throws IOException {
    JSON.writeValue(folder.resolve(CONFIG).toFile(), config);
  }

  /** A folder's file of tensors. */
  static Safetensors tensors(Path folder, String name) {
    if (!Files.exists(folder.resolve(name))) {
      refusePickles(folder, name);
    }
    return Safetensors.open(folder.resolve(name));
  }

  /** The one file of tensors that a path means: itself, or the only one in it. */
  static Path only(Path place) {
    if (!Files.isDirectory(place)) {
      return place;
    }
    List<Path> files = files(place, ".safetensors");
    if (files.isEmpty()) {
      refusePickles(place, "*.safetensors");
    }
    if (files.size() != 1) {
      throw new LorikeetException(
          place + " has " + files.size() + " safetensors files: name the one that is meant");
    }
    return files.get(0);
  }

  private static void refusePickles(Path folder, String wanted) {
    for (String ending : new String[] {".pt", ".bin", ".pth", ".ckpt"}) {
      for (Path pickle : files(folder, ending)) {
        throw new LorikeetException(
            folder
                + " has its tensors in "
                + pickle.getFileName()
                + " only, and opening a pickle can run any code: save them as "
                + wanted
                + " (safetensors.torch.save_file)");
      }
    }
  }

  private static List<Path> files(Path folder, String ending) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    } catch (IOException e) {
      throw new LorikeetException(folder + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** A factor of an update. */
  static Tensor matrix(Safetensors file, String name, Path place) {
    return mustBeMatrix(file.tensor(name), name, place);
  }

  static Tensor mustBeMatrix(Tensor tensor, String name, Path place) {
    if (tensor.shape().length != 2 || tensor.count() == 0) {
      throw new LorikeetException(
          place
              + ": tensor \""
              + name
              + "\" is "
              + Arrays.toString(tensor.shape())
              + ", and a matrix of two axes is needed");
    }
    return tensor;
  }

  /** A number that is kept as a tensor. */
  static double number(Safetensors file, String name, Path place) {
    Tensor tensor = file.tensor(name);
    if (tensor.count() != 1) {
      throw new LorikeetException(
          place
              + ": tensor \""
              + name
              + "\" is "
              + Arrays.toString(tensor.shape())
              + ", and one number is needed");
    }
    return tensor.item();
  }

  /** The tensor beside another. */
  static Tensor beside(Safetensors file, String name, String first) {
    if (!file.names().contains(name)) {
      throw new LorikeetException("tensor \"" + first + "\" has no \"" + name + "\" beside it");
    }
    return file.tensor(name);
  }

  static double number(ObjectNode json, String key, Path folder) {
    JsonNode value = json.path(key);
    if (!value.isNumber()) {
      throw new LorikeetException(
          folder.resolve(CONFIG) + ": " + key + " must be a number, not " + value);
    }
    return value.doubleValue();
  }
}
