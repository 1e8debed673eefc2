package dev.lorikeet.lora.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
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
 * torchtune's own names: {@code layers.0.attn.q_proj.lora_a.weight} [r, in], {@code lora_b} [out,
 * r], {@code magnitude} [out], in adapter_model.safetensors beside an adapter_config.json with
 * {@code r}, {@code lora_alpha} and {@code target_modules}. Its rotary embedding turns neighbouring
 * elements where transformers' turns those half a head apart, so the rows that belong to queries
 * and keys lie in another order within each head.
 */
final class Torchtune implements LoraFormat {
  private static final String FILE = "adapter_model.safetensors";

  /** The models whose checkpoints torchtune reorders so, and with these names. */
  private static final Set<String> KNOWN = Set.of("llama", "mistral");

  private static final Map<String, String> FROM =
      Map.of(
          "attn.q_proj", "self_attn.q_proj",
          "attn.k_proj", "self_attn.k_proj",
          "attn.v_proj", "self_attn.v_proj",
          "attn.output_proj", "self_attn.o_proj",
          "mlp.w1", "mlp.gate_proj",
          "mlp.w2", "mlp.down_proj",
          "mlp.w3", "mlp.up_proj");

  private static final Pattern OWN = Pattern.compile("layers\\.(\\d+)\\.(.+)");
  private static final Pattern TRANSFORMERS = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)");
  private static final Pattern PART =
      Pattern.compile("(.+)\\.(lora_a\\.weight|lora_b\\.weight|magnitude)");

  @Override
  public String id() {
    return "torchtune";
  }

  private static void mustBeKnown(Model model) {
    String type = model.config().modelType();
    if (!KNOWN.contains(type)) {
      throw new LorikeetException(
          "torchtune's names are known here for model_type llama and mistral, not for " + type);
    }
  }

  @Override
  public LoraTensors read(Path place, Model model) {
    mustBeKnown(model);
    ObjectNode config = AdapterFiles.config(place);
    double rank = AdapterFiles.number(config, "r", place);
    double alpha = AdapterFiles.number(config, "lora_alpha", place);
    Safetensors file = AdapterFiles.tensors(place, FILE);
    Map<String, LoraTensors.Update> updates = new LinkedHashMap<>();
    for (String name : file.names()) {
      Matcher part = PART.matcher(name);
      if (!part.matches()) {
        throw new LorikeetException(
            place
                + ": tensor \""
                + name
                + "\" has no name of torchtune's"
                + (name.startsWith("base_model.") ? ", but one of PEFT's: use --from peft" : ""));
      }
      if (part.group(2).equals("lora_a.weight")) {
        String own = part.group(1);
        String path = fromOwn(own, place);
        Tensor a = AdapterFiles.matrix(file, name, place);
        if (a.size(0) != rank) {
          throw new LorikeetException(
              place + ": " + name + " has rank " + a.size(0) + ", adapter_config.json " + rank);
        }
        Tensor b = AdapterFiles.beside(file, own + ".lora_b.weight", name);
        String m = own + ".magnitude";
        Tensor magnitude = file.names().contains(m) ? file.tensor(m) : null;
        updates.put(path, new LoraTensors.Update(a, b, magnitude, alpha));
      }
    }
    LoraTensors own =
        new LoraTensors(updates, config.path("lora_dropout").asDouble(0))
            .checked(place.toString(), model);
    return inTransformersOrder(own, model.config());
  }

  private static LoraTensors inTransformersOrder(LoraTensors own, ModelConfig config) {
    Map<String, LoraTensors.Update> updates = new LinkedHashMap<>();
    own.updates()
        .forEach(
            (path, update) -> {
              Tensor b = rows(update.b(), path, config, true);
              Tensor m = update.magnitude();
              Tensor magnitude = m == null ? null : rows(m, path, config, true);
              updates.put(path, new LoraTensors.Update(update.a(), b, magnitude, update.alpha()));
            });
    return new LoraTensors(updates, own.dropout());
  }

  private static String fromOwn(String own, Path place) {
    Matcher layer = OWN.matcher(own);
    String name = layer.matches() ? FROM.get(layer.group(2)) : null;
    if (own.equals("output")) {
      return "lm_head";
    } else if (name == null) {
      throw new LorikeetException(place + ": no layer of torchtune's is known as \"" + own + "\"");
    }
    return "model.layers." + layer.group(1) + "." + name;
  }

  private static String toOwn(String path) {
    Matcher layer = TRANSFORMERS.matcher(path);
    String own = path.equals("lm_head") ? "output" : null;
    if (layer.matches()) {
      for (Map.Entry<String, String> name : FROM.entrySet()) {
        if (name.getValue().equals(layer.group(2))) {
          own = "layers." + layer.group(1) + "." + name.getKey();
        }
      }
    }
    if (own == null) {
      throw new LorikeetException("torchtune has no layer for " + path);
    }
    return own;
  }

  /**
   * Rows in transformers' order, or from it, where they belong to heads that are turned: element 2i
   * of a head is element i there, and 2i + 1 element i + d/2.
   *
   * @param tensor [out, r] or [out]
   */
  private static Tensor rows(Tensor tensor, String path, ModelConfig config, boolean fromOwn) {
    int heads = config.integer("num_attention_heads");
    int width = config.integer("head_dim", config.integer("hidden_size") / heads);
    boolean keys = path.endsWith(".k_proj");
    if (!keys && !path.endsWith(".q_proj")) {
      return tensor;
    }
    int count = keys ? config.integer("num_key_value_heads", heads) : heads;
    long columns = tensor.count() / tensor.size(0);
    long[] split =
        fromOwn
            ? new long[] {count, width / 2, 2, columns}
            : new long[] {count, 2, width / 2, columns};
    return tensor.reshape(split).transpose(1, 2).reshape(tensor.shape()).contiguous();
  }

  @Override
  public void write(LoraTensors tensors, Path folder, Model model) throws IOException {
    mustBeKnown(model);
    ModelConfig config = model.config();
    int rank = tensors.oneRank("torchtune");
    double alpha = tensors.oneScaling("torchtune") * rank;
    Map<String, Tensor> named = new LinkedHashMap<>();
    Set<String> targets = new TreeSet<>();
    tensors
        .updates()
        .forEach(
            (path, update) -> {
              String own = toOwn(path);
              targets.add(own.substring(own.lastIndexOf('.') + 1));
              named.put(own + ".lora_a.weight", update.a());
              named.put(own + ".lora_b.weight", rows(update.b(), path, config, false));
              Tensor m = update.magnitude();
              if (m != null) {
                named.put(own + ".magnitude", rows(m, path, config, false));
              }
            });
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("peft_type", "LORA").put("r", rank).put("lora_alpha", alpha);
    targets.forEach(json.putArray("target_modules")::add);
    json.put("lora_dropout", tensors.dropout()).put("use_dora", tensors.isDora());
    AdapterFiles.write(json, folder);
    Safetensors.write(folder.resolve(FILE), named, Map.of("format", "pt"));
  }
}
