package dev.lorikeet.lora.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * MLX-LM's folders: {@code adapters.safetensors} with {@code PATH.lora_a} [in, r], {@code
 * PATH.lora_b} [r, out] and DoRA's {@code PATH.m} [out], and an adapter_config.json with {@code
 * fine_tune_type}, {@code num_layers} and {@code lora_parameters}: {@code rank}, {@code scale},
 * which multiplies BA as it is, {@code dropout} and {@code keys}, the names within a layer. Of a
 * model's layers the last {@code num_layers} are adapted.
 */
final class MlxLm implements LoraFormat {
  private static final String FILE = "adapters.safetensors";
  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)");

  @Override
  public String id() {
    return "mlx";
  }

  @Override
  public LoraTensors read(Path place, Model model) {
    ObjectNode config = AdapterFiles.config(place);
    String type = config.path("fine_tune_type").asText("lora");
    if (!Set.of("lora", "dora").contains(type)) {
      throw new LorikeetException(
          place + ": fine_tune_type is \"" + type + "\", and only lora and dora are adapters");
    }
    if (!(config.path("lora_parameters") instanceof ObjectNode parameters)) {
      throw new LorikeetException(place + ": adapter_config.json has no lora_parameters");
    }
    if (parameters.has("alpha")) {
      throw new LorikeetException(
          place
              + ": lora_parameters has alpha, which some versions of MLX-LM multiplied into the"
              + " scale and others ignore: write the scale that is meant, and leave alpha out");
    }
    double rank = AdapterFiles.number(parameters, "rank", place);
    double scale = AdapterFiles.number(parameters, "scale", place);
    Safetensors file = AdapterFiles.tensors(place, FILE);
    Map<String, LoraTensors.Update> updates = new LinkedHashMap<>();
    for (String name : file.names()) {
      if (name.endsWith(".lora_a")) {
        String path = name.substring(0, name.length() - ".lora_a".length());
        Tensor a = transposed(file.tensor(name), name, place);
        if (a.size(0) != rank) {
          throw new LorikeetException(
              place + ": " + name + " has rank " + a.size(0) + ", adapter_config.json " + rank);
        }
        String b = path + ".lora_b";
        boolean dora = file.names().contains(path + ".m");
        updates.put(
            path,
            new LoraTensors.Update(
                a,
                transposed(AdapterFiles.beside(file, b, name), b, place),
                dora ? file.tensor(path + ".m") : null,
                scale * rank));
      } else if (!name.endsWith(".lora_b") && !name.endsWith(".m")) {
        throw new LorikeetException(
            place + ": tensor \"" + name + "\" is no lora_a, lora_b or m of a layer");
      }
    }
    return new LoraTensors(updates, parameters.path("dropout").asDouble(0))
        .checked(place.toString(), model);
  }

  private static Tensor transposed(Tensor matrix, String name, Path place) {
    if (matrix.shape().length == 3) {
      throw new LorikeetException(place + ": " + name + " has 3 axes: experts are not built");
    }
    return AdapterFiles.mustBeMatrix(matrix, name, place).transpose(0, 1).contiguous();
  }

  @Override
  public void write(LoraTensors tensors, Path folder, Model model) throws IOException {
    int rank = tensors.oneRank("MLX-LM");
    double scale = tensors.oneScaling("MLX-LM");
    Map<String, Tensor> named = new LinkedHashMap<>();
    Set<String> keys = new TreeSet<>();
    int first = Integer.MAX_VALUE;
    for (Map.Entry<String, LoraTensors.Update> entry : tensors.updates().entrySet()) {
      String path = entry.getKey();
      LoraTensors.Update update = entry.getValue();
      Matcher layer = LAYER.matcher(path);
      if (!layer.matches() && !path.equals("lm_head")) {
        throw new LorikeetException(
            "MLX-LM's models have their layers in model.layers, and " + path + " is not there");
      }
      if (layer.matches()) {
        first = Math.min(first, Integer.parseInt(layer.group(1)));
        keys.add(layer.group(2));
      } else {
        keys.add(path);
      }
      named.put(path + ".lora_a", update.a().transpose(0, 1).contiguous());
      named.put(path + ".lora_b", update.b().transpose(0, 1).contiguous());
      if (update.magnitude() != null) {
        named.put(path + ".m", update.magnitude());
      }
    }
    int layers = model.config().integer("num_hidden_layers");
    AdapterFiles.write(
        config(tensors, rank, scale, keys, Math.max(0, layers - Math.min(first, layers))), folder);
    Safetensors.write(folder.resolve(FILE), named, Map.of("format", "mlx"));
  }

  private static ObjectNode config(
      LoraTensors tensors, int rank, double scale, Set<String> keys, int layers) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("fine_tune_type", tensors.isDora() ? "dora" : "lora").put("num_layers", layers);
    ObjectNode parameters = json.putObject("lora_parameters");
    parameters.put("rank", rank).put("scale", scale).put("dropout", tensors.dropout());
    keys.forEach(parameters.putArray("keys")::add);
    return json;
  }
}
