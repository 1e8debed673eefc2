package dev.lorikeet.models;

import dev.lorikeet.models.ModuleNames.Rename;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * ViT: a transformer encoder over the patches of an image (Dosovitskiy et al. 2021,
 * arXiv:2010.11929), under the names of Hugging Face's checkpoints on disk.
 *
 * <p>Axes: B batch, C channels, P patches, T = P + 1 tokens, p height and width of a patch, H
 * heads, d width of a head, D width of the model.
 */
final class Vit implements Architecture {
  /** ViT as a service. */
  public static final class Factory implements Architecture.Factory {
    @Override
    public String modelType() {
      return "vit";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new Vit(Config.of(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "vit";
    }

    @Override
    public String className() {
      return "ViT";
    }

    @Override
    public int maxTokens(ModelConfig config) {
      return Config.of(config).patches() + 1;
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("hidden_dropout_prob"), List.of("attention_probs_dropout_prob"), List.of());
    }

    @Override
    public List<HeadType> heads() {
      return List.of(HeadType.IMAGE_CLASSIFICATION);
    }

    @Override
    public ModuleNames moduleNames() {
      return new ModuleNames(
          List.of(
              new Rename("encoder.layer.", "layers."),
              new Rename("attention.attention.query", "attention.q_proj"),
              new Rename("attention.attention.key", "attention.k_proj"),
              new Rename("attention.attention.value", "attention.v_proj"),
              new Rename("attention.output.dense", "attention.o_proj"),
              new Rename("intermediate.dense", "mlp.fc1"),
              new Rename("output.dense", "mlp.fc2")));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return HeadModules.of("classifier");
    }

    @Override
    public String layerPattern() {
      return "layers";
    }
  }

  /** What config.json says, under its names; sizes in pixels. */
  record Config(
      int hiddenSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int intermediateSize,
      String hiddenAct,
      double hiddenDropoutProb,
      double attentionProbsDropoutProb,
      double initializerRange,
      double layerNormEps,
      int imageSize,
      int patchSize,
      int numChannels,
      boolean qkvBias,
      int numLabels) {

    static Config of(ModelConfig json) {
      return new Config(
          json.integer("hidden_size"),
          json.integer("num_hidden_layers"),
          json.integer("num_attention_heads"),
          json.integer("intermediate_size"),
          json.text("hidden_act", "gelu"),
          json.number("hidden_dropout_prob", 0),
          json.number("attention_probs_dropout_prob", 0),
          json.number("initializer_range", 0.02),
          json.number("layer_norm_eps", 1e-12),
          json.integer("image_size", 224),
          json.integer("patch_size", 16),
          json.integer("num_channels", 3),
          json.flag("qkv_bias", true),
          json.labelCount());
    }

    Config {
      mustDivide("hidden_size", hiddenSize, "num_attention_heads", numAttentionHeads);
      mustDivide("image_size", imageSize, "patch_size", patchSize);
      if (numHiddenLayers < 0) {
        throw new LorikeetException(
            "config.json: num_hidden_layers is " + numHiddenLayers + ": it must be at least 0");
      }
    }

    private static void mustDivide(String whole, int size, String part, int partSize) {
      if (partSize < 1 || size % partSize != 0) {
        throw new LorikeetException(
            "config.json: "
                + whole
                + " "
                + size
                + " is no multiple of "
                + part
                + " "
                + partSize
                + ": is it from this checkpoint?");
      }
    }

    /** P. */
    int patches() {
      return (imageSize / patchSize) * (imageSize / patchSize);
    }
  }

  private final Encoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;

  private Vit(Config config, @Nullable HeadType type, Weights weights) {
    encoder = new Encoder(config, type == null ? weights : weights.at("vit"));
    head = type == null ? hidden -> hidden : head(config, weights);
    isPooled = type != null;
  }

  /** The first token's state [B, D] to classes [B, C]. */
  private static UnaryOperator<Tensor> head(Config config, Weights weights) {
    return weights.orNew("classifier").linear("classifier", config.numLabels, config.hiddenSize)
        ::forward;
  }

  @Override
  public Tensor features(ModelInput input) {
    Tensor hidden = encoder.forward(input.pixelValues()); // [B, T, D]
    return isPooled ? hidden.select(1, 0) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /** Patches as vectors, behind one that is the same for all images; each with its place's. */
  private static final class Embeddings {
    private final Parameter kernel;
    private final Parameter bias;
    private final Parameter firstToken;
    private final Parameter positions;
    private final Dropout dropout;
    private final Config config;
    private final Mode mode;

    Embeddings(Config config, Weights weights) {
      Weights projection = weights.at("patch_embeddings.projection");
      int width = config.hiddenSize;
      int size = config.patchSize;
      double std = config.initializerRange;
      kernel = projection.normal("weight", std, width, config.numChannels, size, size);
      bias = projection.vector("bias", 0, width);
      firstToken = weights.normal("cls_token", std, 1, 1, width);
      positions = weights.normal("position_embeddings", std, 1, config.patches() + 1L, width);
      dropout = weights.dropout(config.hiddenDropoutProb);
      this.config = config;
      mode = weights.mode();
    }

    Tensor forward(Tensor pixels) {
      long[] expected = {pixels.size(0), config.numChannels, config.imageSize, config.imageSize};
      if (!Arrays.equals(pixels.shape(), expected)) {
        throw new LorikeetException(
            "pixel values are "
                + Arrays.toString(pixels.shape())
                + ", the model reads "
                + Arrays.toString(expected)
                + " (batch, num_channels, image_size): resize the images");
      }
      Tensor first = firstToken.value(mode.dtype()).expand(pixels.size(0), 1, config.hiddenSize);
      Tensor tokens = Tensor.cat(List.of(first, patches(pixels.to(mode.dtype()))), 1); // [B, T, D]
      return dropout.forward(tokens.add(positions.value(mode.dtype())));
    }

    /** A convolution whose windows lie side by side: a linear map of each, [B, P, D]. */
    private Tensor patches(Tensor pixels) {
      long channels = config.numChannels;
      long size = config.patchSize;
      long across = config.imageSize / size;
      Tensor windows =
          pixels
              .reshape(pixels.size(0), channels, across, size, across, size) // [B, C, h, p, w, p]
              .transpose(1, 2) // [B, h, C, p, w, p]
              .transpose(2, 4) // [B, h, w, p, C, p]
              .transpose(3, 4) // [B, h, w, C, p, p]
              .reshape(pixels.size(0), across * across, channels * size * size); // [B, P, Cpp]
      Tensor weight = kernel.value(mode.dtype()).reshape(config.hiddenSize, channels * size * size);
      return Ops.linear(windows, weight, bias.value(mode.dtype()));
    }
  }

  private static final class Attention {
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final Dropout probabilitiesDropout;
    private final int heads;

    Attention(Config config, Weights weights) {
      int width = config.hiddenSize;
      query = weights.linear("attention.query", width, width, config.qkvBias);
      key = weights.linear("attention.key", width, width, config.qkvBias);
      value = weights.linear("attention.value", width, width, config.qkvBias);
      output = weights.linear("output.dense", width, width);
      probabilitiesDropout = weights.dropout(config.attentionProbsDropoutProb);
      heads = config.numAttentionHeads;
    }

    Tensor forward(Tensor x) {
      Tensor q = split(query.forward(x)); // [B, T, H, d]
      Tensor k = split(key.forward(x));
      Tensor v = split(value.forward(x));
      return output.forward(Ops.attention(q, k, v, null, probabilitiesDropout.rate())); // [B, T, D]
    }

    /** [B, T, D] to [B, T, H, d]. */
    private Tensor split(Tensor x) {
      return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads);
    }
  }

  private static final class Layer {
    private final LayerNorm attentionNorm;
    private final Attention attention;
    private final LayerNorm feedForwardNorm;
    private final Projection in;
    private final Projection out;
    private final UnaryOperator<Tensor> activation;
    private final Dropout dropout;

    Layer(Config config, Weights weights) {
      int width = config.hiddenSize;
      attentionNorm = weights.layerNorm("layernorm_before", width, config.layerNormEps);
      attention = new Attention(config, weights.at("attention"));
      feedForwardNorm = weights.layerNorm("layernorm_after", width, config.layerNormEps);
      in = weights.linear("intermediate.dense", config.intermediateSize, width);
      out = weights.linear("output.dense", width, config.intermediateSize);
      activation = Activation.of(config.hiddenAct);
      dropout = weights.dropout(config.hiddenDropoutProb);
    }

    Tensor forward(Tensor x) {
      Tensor h = x.add(dropout.forward(attention.forward(attentionNorm.forward(x))));
      return h.add(dropout.forward(feedForward(feedForwardNorm.forward(h))));
    }

    private Tensor feedForward(Tensor x) {
      return out.forward(activation.apply(in.forward(x))); // [B, T, D]
    }
  }

  private static final class Encoder {
    private final Embeddings embeddings;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm norm;
    private final Mode mode;

    Encoder(Config config, Weights weights) {
      embeddings = new Embeddings(config, weights.at("embeddings"));
      for (int i = 0; i < config.numHiddenLayers; i++) {
        layers.add(new Layer(config, weights.at("encoder.layer").at(i)));
      }
      norm = weights.layerNorm("layernorm", config.hiddenSize, config.layerNormEps);
      mode = weights.mode();
    }

    /** [B, C, height, width] to the last hidden state, [B, T, D]. */
    Tensor forward(Tensor pixels) {
      Tensor h = embeddings.forward(pixels);
      for (Layer layer : layers) {
        h = mode.block(h, x -> layer.forward(x));
      }
      return norm.forward(h);
    }
  }
}
