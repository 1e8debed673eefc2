package dev.lorikeet.lora.formats;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One file of tensors, as kohya's sd-scripts write it: {@code lora_te_PATH.lora_down.weight} [r,
 * in], {@code .lora_up.weight} [out, r] and {@code .alpha}, the path with underscores for dots; or
 * diffusers' older names, {@code PATH.lora.down.weight} and {@code .lora.up.weight}, or {@code
 * .lora_linear_layer.}, without an alpha, which then is the rank. A path with underscores is found
 * among the model's layers, and must mean one of them alone.
 */
final class Kohya implements LoraFormat {
  private static final String FILE = "lora.safetensors";
  private static final String TEXT_ENCODER = "lora_te_";

  private static final Pattern NAME =
      Pattern.compile(
          "(?<layer>.+?)\\.(?:lora_|lora\\.|lora_linear_layer\\.)(?<part>down|up)\\.weight"
              + "|(?<alphas>.+)\\.alpha");

  private static final Pattern PREFIX =
      Pattern.compile("^(lora_te\\d?_|lora_unet_|text_encoder(_\\d)?\\.|lora_)");

  @Override
  public String id() {
    return "kohya";
  }

  /** What the file has of a layer. */
  private static final class Parts {
    @Nullable Tensor down;
    @Nullable Tensor up;
    @Nullable Double alpha;
  }

  @Override
  public LoraTensors read(Path place, Model model) {
    Path path = AdapterFiles.only(place);
    Safetensors file = Safetensors.open(path);
    Map<String, Parts> layers = new LinkedHashMap<>();
    for (String name : file.names()) {
      Matcher matcher = NAME.matcher(name);
      if (!matcher.matches()) {
        throw new LorikeetException(
            path + ": tensor \"" + name + "\" is no lora_down, lora_up or alpha of a layer");
      }
      boolean isAlpha = matcher.group("alphas") != null;
      String layer = matcher.group(isAlpha ? "alphas" : "layer");
      Parts parts = layers.computeIfAbsent(layer, key -> new Parts());
      if (isAlpha) {
        parts.alpha = AdapterFiles.number(file, name, path);
      } else if (matcher.group("part").equals("down")) {
        parts.down = AdapterFiles.matrix(file, name, path);
      } else {
        parts.up = AdapterFiles.matrix(file, name, path);
      }
    }
    Map<String, LoraTensors.Update> updates = new LinkedHashMap<>();
    layers.forEach((layer, parts) -> add(path, layer, parts, model, updates));
    return new LoraTensors(updates, 0).checked(path.toString(), model);
  }

  private static void add(
      Path file, String layer, Parts parts, Model model, Map<String, LoraTensors.Update> updates) {
    Tensor down = parts.down;
    Tensor up = parts.up;
    if (down == null || up == null) {
      throw new LorikeetException(
          file + ": layer \"" + layer + "\" lacks lora_" + (down == null ? "down" : "up"));
    }
    double alpha = parts.alpha == null || parts.alpha == 0 ? down.size(0) : parts.alpha;
    String path = path(file, layer, model);
    if (updates.put(path, new LoraTensors.Update(down, up, null, alpha)) != null) {
      throw new LorikeetException(file + " has two updates of " + path);
    }
  }

  /** The layer that a name with underscores means. */
  private static String path(Path file, String layer, Model model) {
    String bare = PREFIX.matcher(layer).replaceFirst("");
    List<String> meant =
        model.projections().keySet().stream()
            .filter(path -> underscored(path).equals(underscored(bare)))
            .toList();
    if (meant.size() != 1) {
      throw new LorikeetException(
          file
              + ": \""
              + layer
              + "\" means "
              + (meant.isEmpty() ? "no layer of this model" : "several layers: " + meant)
              + (layer.startsWith("lora_unet_")
                  ? ": U-Nets of image generators are not models that Lorikeet knows"
                  : ""));
    }
    return meant.get(0);
  }

  private static String underscored(String path) {
    return path.replace('.', '_');
  }

  @Override
  public void write(LoraTensors tensors, Path folder, Model model) throws IOException {
    if (tensors.isDora()) {
      throw new LorikeetException("kohya's files have no place for the magnitudes of DoRA");
    }
    Map<String, Tensor> named = new LinkedHashMap<>();
    tensors
        .updates()
        .forEach(
            (path, update) -> {
              String layer = TEXT_ENCODER + underscored(path);
              path(folder, layer, model); // that it will be found again
              named.put(layer + ".lora_down.weight", update.a());
              named.put(layer + ".lora_up.weight", update.b());
              named.put(layer + ".alpha", Tensor.of(new float[] {(float) update.alpha()}));
            });
    LoraTensors.Update first = tensors.updates().values().iterator().next();
    Safetensors.write(
        folder.resolve(FILE),
        named,
        Map.of(
            "ss_network_module",
            "networks.lora",
            "ss_network_dim",
            Integer.toString(first.rank()),
            "ss_network_alpha",
            Double.toString(first.alpha())));
  }
}
