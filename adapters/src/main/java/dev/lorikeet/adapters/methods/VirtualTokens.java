package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Map;

/**
 * What prompt tuning, P-tuning and prefix tuning have in common: trained vectors that stand for
 * tokens in front of the real ones.
 */
public record VirtualTokens(
    @Setting(value = "How many vectors stand before the tokens.", key = "num_virtual_tokens")
        int count,
    @Setting(value = "The width of a vector; unless given, the model's.", key = "token_dim")
        int width,
    @Setting(value = "Layers of the model; unless given, the model's.", key = "num_layers")
        int layers,
    @Setting(
            value = "Heads of its attention; unless given, the model's.",
            key = "num_attention_heads")
        int heads,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave) {
  public VirtualTokens {
    if (count < 1) {
      throw new UsageException("num_virtual_tokens is " + count + ": say how many, at least 1");
    }
    modulesToSave = List.copyOf(modulesToSave);
  }

  static VirtualTokens read(Settings settings) {
    settings.mustBe("num_transformer_submodules", "1");
    return new VirtualTokens(
        settings.integer("num_virtual_tokens", 20),
        settings.integer("token_dim", 0),
        settings.integer("num_layers", 0),
        settings.integer("num_attention_heads", 0),
        settings.modulesToSave());
  }

  void write(ObjectNode json) {
    json.put("num_virtual_tokens", count);
    put(json, "token_dim", width);
    put(json, "num_layers", layers);
    put(json, "num_attention_heads", heads);
    json.put("num_transformer_submodules", 1);
    Settings.put(json, "modules_to_save", modulesToSave);
  }

  private static void put(ObjectNode json, String key, int value) {
    if (value == 0) {
      json.putNull(key);
    } else {
      json.put(key, value);
    }
  }

  VirtualTokens with(List<String> newModulesToSave) {
    return new VirtualTokens(count, width, layers, heads, newModulesToSave);
  }

  /** With what is left open as the model has it, a vector as wide as its embeddings. */
  VirtualTokens of(ModelConfig model) {
    mustBeOneStack(model);
    int size = hiddenSize(model);
    mustBe("token_dim", width, size);
    return filled(model, attentionHeads(model), size);
  }

  /** The same for keys and values: as many heads as these have, all as wide together. */
  VirtualTokens ofKeysAndValues(ModelConfig model) {
    mustBeOneStack(model);
    int all = attentionHeads(model);
    int grouped = model.integer("num_key_value_heads", all);
    int size = grouped * model.integer("head_dim", hiddenSize(model) / all);
    mustBe("token_dim", width, size);
    mustBe("num_layers", layers, numberOfLayers(model));
    mustBe("num_attention_heads", heads, grouped);
    return filled(model, grouped, size);
  }

  /** What the adapter leaves open is the model's; what it says must be. */
  private static void mustBe(String key, int said, int models) {
    if (said != 0 && said != models) {
      throw new LorikeetException(
          (key + " is " + said + ", and the model's is " + models)
              + ": the adapter is another model's");
    }
  }

  private VirtualTokens filled(ModelConfig model, int modelHeads, int modelWidth) {
    return new VirtualTokens(
        count,
        width == 0 ? modelWidth : width,
        layers == 0 ? numberOfLayers(model) : layers,
        heads == 0 ? modelHeads : heads,
        modulesToSave);
  }

  private static int hiddenSize(ModelConfig model) {
    return first(model, "hidden_size", "n_embd", "d_model", "dim");
  }

  private static int numberOfLayers(ModelConfig model) {
    return first(model, "num_hidden_layers", "num_layers", "n_layer", "n_layers");
  }

  private static int attentionHeads(ModelConfig model) {
    return first(model, "num_attention_heads", "n_head", "num_heads", "n_heads");
  }

  private static int first(ModelConfig model, String... keys) {
    for (String key : keys) {
      if (model.has(key)) {
        return model.integer(key);
      }
    }
    throw new LorikeetException("config.json has none of " + String.join(", ", keys));
  }

  private static void mustBeOneStack(ModelConfig model) {
    if (model.flag("is_encoder_decoder", false)) {
      throw new LorikeetException(
          "model_type \""
              + model.modelType()
              + "\" is an encoder-decoder, which virtual tokens"
              + " are not built for: use a method that adapts its layers");
    }
  }

  // ---- the networks that make vectors ----

  /** A parameter [shape] drawn from U(−bound, bound). */
  static Parameter uniform(Model model, String name, double bound, long... shape) {
    Tensor start = Tensor.uniform(-bound, bound, shape).to(model.mode().device());
    return new Parameter(name, start, model.weightScope());
  }

  /** A table [rows, columns] drawn from N(0, 1), as PyTorch draws embeddings. */
  static Parameter table(Model model, String name, long rows, long columns) {
    Tensor start = Tensor.normal(0, 1, rows, columns).to(model.mode().device());
    return new Parameter(name, start, model.weightScope());
  }

  /**
   * Adds a linear layer, {@code name.weight} [out, in] and {@code name.bias}, drawn as PyTorch
   * does.
   */
  static void addLinear(
      Map<String, Parameter> parameters, Model model, String name, long out, long in) {
    double bound = 1 / Math.sqrt((double) in);
    parameters.put(name + ".weight", uniform(model, name + ".weight", bound, out, in));
    parameters.put(name + ".bias", uniform(model, name + ".bias", bound, out));
  }

  /** x Wᵀ + b by the layer called {@code name}. */
  static Tensor linear(Map<String, Parameter> parameters, String name, Tensor x) {
    return Ops.linear(x, value(parameters, name + ".weight"), value(parameters, name + ".bias"));
  }

  static Tensor value(Map<String, Parameter> parameters, String name) {
    return java.util.Objects.requireNonNull(parameters.get(name), name).value();
  }
}
