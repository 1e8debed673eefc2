package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.InputAdapter;
import dev.lorikeet.adapters.InputConfig;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * P-tuning: a soft prompt that a small network makes of trained embeddings, which ties its vectors
 * together (Liu et al. 2021, arXiv:2103.10385, §3). Files hold the prompt, not the network.
 *
 * @param tokens how many, and how wide
 */
public record PTuning(
    VirtualTokens tokens,
    @Setting(
            value = "MLP of three layers, or LSTM in both directions with two layers after it.",
            key = "encoder_reparameterization_type")
        String network,
    @Setting(
            value = "The width of the network; unless given, the model's.",
            key = "encoder_hidden_size")
        int hiddenSize,
    @Setting(value = "Layers of the LSTM.", key = "encoder_num_layers") int layers,
    @Setting(value = "Dropout between these layers.", key = "encoder_dropout") double dropout)
    implements InputConfig {

  public PTuning {
    if (!network.equals("MLP") && !network.equals("LSTM")) {
      throw new UsageException(
          "encoder_reparameterization_type \"" + network + "\" is unknown: use MLP or LSTM");
    }
    if (layers < 1) {
      throw new UsageException("encoder_num_layers is " + layers + ": it must be at least 1");
    }
    Lycoris.mustBeProbability("encoder_dropout", dropout);
  }

  /** P-tuning as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "P_TUNING";
    }

    @Override
    public String id() {
      return "ptuning";
    }

    @Override
    public PTuning read(ObjectNode json) {
      Settings settings = new Settings(json);
      return new PTuning(
          VirtualTokens.read(settings),
          settings.text("encoder_reparameterization_type", "MLP"),
          settings.integer("encoder_hidden_size", 0),
          settings.integer("encoder_num_layers", 2),
          settings.number("encoder_dropout", 0));
    }
  }

  @Override
  public String peftType() {
    return "P_TUNING";
  }

  @Override
  public List<String> modulesToSave() {
    return tokens.modulesToSave();
  }

  @Override
  public PTuning with(List<String> modulesToSave) {
    return new PTuning(tokens.with(modulesToSave), network, hiddenSize, layers, dropout);
  }

  @Override
  public PTuning resolvedFor(ModelConfig model) {
    VirtualTokens filled = tokens.of(model);
    int hidden = hiddenSize == 0 ? filled.width() : hiddenSize;
    return new PTuning(filled, network, hidden, layers, dropout);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    tokens.write(json);
    json.put("encoder_reparameterization_type", network);
    if (hiddenSize == 0) {
      json.putNull("encoder_hidden_size");
    } else {
      json.put("encoder_hidden_size", hiddenSize);
    }
    json.put("encoder_num_layers", layers);
    json.put("encoder_dropout", dropout);
    return json;
  }

  @Override
  public InputAdapter input(Model model, boolean stored) {
    SoftPrompt.mustFit(model, peftType());
    int width = tokens.width();
    try (Scope scope = Scope.open()) {
      if (stored) {
        return SoftPrompt.of(
            VirtualTokens.table(model, "prompt_embeddings", tokens.count(), width));
      }
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      parameters.put(EMBEDDING, VirtualTokens.table(model, EMBEDDING, tokens.count(), width));
      if (network.equals("MLP")) {
        VirtualTokens.addLinear(parameters, model, MLP + 0, hiddenSize, width);
        VirtualTokens.addLinear(parameters, model, MLP + 2, hiddenSize, hiddenSize);
        VirtualTokens.addLinear(parameters, model, MLP + 4, width, hiddenSize);
        return new SoftPrompt(parameters, () -> mlp(parameters));
      }
      List<Parameter> lstm = lstm(model, width);
      lstm.forEach(parameter -> parameters.put(parameter.name(), parameter));
      VirtualTokens.addLinear(parameters, model, MLP + 0, 2L * hiddenSize, 2L * hiddenSize);
      VirtualTokens.addLinear(parameters, model, MLP + 2, width, 2L * hiddenSize);
      return new SoftPrompt(parameters, () -> recurrent(model, parameters, lstm));
    }
  }

  private static final String EMBEDDING = "prompt_encoder.embedding.weight";
  private static final String MLP = "prompt_encoder.mlp_head.";

  private static Tensor mlp(Map<String, Parameter> parameters) {
    Tensor x = VirtualTokens.value(parameters, EMBEDDING);
    Tensor h = Ops.relu(VirtualTokens.linear(parameters, MLP + 0, x));
    Tensor g = Ops.relu(VirtualTokens.linear(parameters, MLP + 2, h));
    return VirtualTokens.linear(parameters, MLP + 4, g);
  }

  private Tensor recurrent(Model model, Map<String, Parameter> parameters, List<Parameter> lstm) {
    Tensor x = VirtualTokens.value(parameters, EMBEDDING).unsqueeze(0); // [1, V, D]
    double p = model.mode().isTraining() ? dropout : 0;
    Tensor states =
        Ops.lstm(x, lstm.stream().map(Parameter::value).toList(), layers, hiddenSize, p)
            .squeeze(0); // [V, 2 · hidden]
    return VirtualTokens.linear(
        parameters, MLP + 2, Ops.relu(VirtualTokens.linear(parameters, MLP + 0, states)));
  }

  /** Weights and biases of input and state, for each layer forwards and backwards. */
  private List<Parameter> lstm(Model model, int width) {
    double bound = 1 / Math.sqrt((double) hiddenSize);
    List<Parameter> all = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      long in = layer == 0 ? width : 2L * hiddenSize;
      long gates = 4L * hiddenSize;
      for (String direction : List.of("", "_reverse")) {
        String end = "_l" + layer + direction;
        String path = "prompt_encoder.lstm_head.";
        all.add(VirtualTokens.uniform(model, path + "weight_ih" + end, bound, gates, in));
        all.add(VirtualTokens.uniform(model, path + "weight_hh" + end, bound, gates, hiddenSize));
        all.add(VirtualTokens.uniform(model, path + "bias_ih" + end, bound, gates));
        all.add(VirtualTokens.uniform(model, path + "bias_hh" + end, bound, gates));
      }
    }
    return all;
  }
}
