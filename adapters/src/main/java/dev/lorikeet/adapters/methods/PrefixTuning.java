package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.InputAdapter;
import dev.lorikeet.adapters.InputConfig;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.KeyValueCache;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Prefix tuning: every layer's attention sees trained keys and values before those of the tokens
 * (Li and Liang 2021, arXiv:2101.00190, §4). Files hold them, not the network that may make them.
 *
 * @param tokens how many there are of each, and how wide over all heads
 */
public record PrefixTuning(
    VirtualTokens tokens,
    @Setting(
            value = "A network of two layers makes the vectors of trained embeddings.",
            key = "prefix_projection")
        boolean projection,
    @Setting(
            value = "The width of this network; unless given, the vectors'.",
            key = "encoder_hidden_size")
        int hiddenSize,
    @Setting(value = "Start at zero, and not at random.", key = "init_weights") boolean zero)
    implements InputConfig {

  /** Prefix tuning as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "PREFIX_TUNING";
    }

    @Override
    public String id() {
      return "prefix";
    }

    @Override
    public PrefixTuning read(ObjectNode json) {
      Settings settings = new Settings(json);
      String init = settings.text("init_weights", "");
      if (!init.isEmpty() && !init.equals("zero")) {
        throw new UsageException(
            "init_weights \"" + init + "\" is unknown: use zero, or leave it out");
      }
      return new PrefixTuning(
          VirtualTokens.read(settings),
          settings.flag("prefix_projection", false),
          settings.integer("encoder_hidden_size", 0),
          init.equals("zero"));
    }
  }

  @Override
  public String peftType() {
    return "PREFIX_TUNING";
  }

  @Override
  public List<String> modulesToSave() {
    return tokens.modulesToSave();
  }

  @Override
  public PrefixTuning with(List<String> modulesToSave) {
    return new PrefixTuning(tokens.with(modulesToSave), projection, hiddenSize, zero);
  }

  @Override
  public PrefixTuning resolvedFor(ModelConfig model) {
    VirtualTokens filled = tokens.ofKeysAndValues(model);
    int hidden = hiddenSize == 0 ? filled.width() : hiddenSize;
    return new PrefixTuning(filled, projection, hidden, zero);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    tokens.write(json);
    json.put("prefix_projection", projection);
    if (hiddenSize == 0) {
      json.putNull("encoder_hidden_size");
    } else {
      json.put("encoder_hidden_size", hiddenSize);
    }
    json.put("init_weights", zero ? "zero" : null);
    return json;
  }

  @Override
  public InputAdapter input(Model model, boolean stored) {
    long flat = 2L * tokens.layers() * tokens.width();
    try (Scope scope = Scope.open()) {
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      if (stored || !projection) {
        Parameter table = VirtualTokens.table(model, "prompt_embeddings", tokens.count(), flat);
        parameters.put("prompt_embeddings", zeroed(table));
        return new Prefix(tokens, model.mode().dtype(), parameters, table::value);
      }
      parameters.put(
          EMBEDDING, VirtualTokens.table(model, EMBEDDING, tokens.count(), tokens.width()));
      VirtualTokens.addLinear(parameters, model, TRANSFORM + 0, hiddenSize, tokens.width());
      VirtualTokens.addLinear(parameters, model, TRANSFORM + 2, flat, hiddenSize);
      zeroed(Objects.requireNonNull(parameters.get(TRANSFORM + "2.weight")));
      zeroed(Objects.requireNonNull(parameters.get(TRANSFORM + "2.bias")));
      return new Prefix(tokens, model.mode().dtype(), parameters, () -> projected(parameters));
    }
  }

  private static final String EMBEDDING = "prompt_encoder.embedding.weight";
  private static final String TRANSFORM = "prompt_encoder.transform.";

  private Parameter zeroed(Parameter parameter) {
    if (zero) {
      parameter.original().setInPlace(parameter.original().mul(0));
    }
    return parameter;
  }

  private static Tensor projected(Map<String, Parameter> parameters) {
    Tensor x = VirtualTokens.value(parameters, EMBEDDING);
    Tensor h = VirtualTokens.linear(parameters, TRANSFORM + 0, x).tanh();
    return VirtualTokens.linear(parameters, TRANSFORM + 2, h);
  }

  /**
   * Keys and values in front of those of the tokens.
   *
   * @param parameters that are trained, by name
   * @param vectors [V, 2 · layers · width], made of them: of each layer first keys, then values
   */
  private record Prefix(
      VirtualTokens tokens,
      DType dtype,
      Map<String, Parameter> parameters,
      Supplier<Tensor> vectors)
      implements InputAdapter {

    @Override
    public ModelInput prepare(ModelInput input) {
      ModelInput after = input.after(tokens.count());
      KeyValueCache cache = input.cache();
      if (cache == null) {
        return after.withCache(KeyValueCache.ofPrefix(keysValues(input.rows())));
      }
      if (cache.length() == 0) {
        List<KeyValueCache.KeysValues> layers = keysValues(input.rows());
        for (int layer = 0; layer < layers.size(); layer++) {
          cache.append(layer, layers.get(layer).keys(), layers.get(layer).values());
        }
      }
      return after;
    }

    /** Of each layer, [B, V, H, d]. */
    private List<KeyValueCache.KeysValues> keysValues(long rows) {
      int heads = tokens.heads();
      long size = tokens.width() / heads;
      Tensor all = // [2 · layers, V, H, d]
          vectors
              .get()
              .to(dtype)
              .reshape(tokens.count(), 2L * tokens.layers(), heads, size)
              .transpose(0, 1);
      List<KeyValueCache.KeysValues> layers = new ArrayList<>();
      for (int layer = 0; layer < tokens.layers(); layer++) {
        layers.add(
            new KeyValueCache.KeysValues(
                all.select(0, 2L * layer).unsqueeze(0).expand(rows, -1, -1, -1),
                all.select(0, 2L * layer + 1).unsqueeze(0).expand(rows, -1, -1, -1)));
      }
      return layers;
    }

    @Override
    public Tensor promptEmbeddings() {
      try (GradMode off = GradMode.disabled()) {
        return vectors.get();
      }
    }
  }
}
