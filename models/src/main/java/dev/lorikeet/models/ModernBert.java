package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * ModernBERT: an encoder with norms before each part, rotary positions, gated feed-forwards, and
 * layers that look at everything between layers that look at their neighbourhood (Warner et al.
 * 2024, arXiv:2412.13663), under the names of Hugging Face's checkpoints.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width of the model, I width of the
 * feed-forward, V vocabulary.
 */
final class ModernBert implements Architecture {
  /** ModernBERT as a service. */
  public static final class Factory implements EncoderFactory {
    @Override
    public String modelType() {
      return "modernbert";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new ModernBert(Config.of(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "model";
    }

    @Override
    public String className() {
      return "ModernBert";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of("model.embeddings.tok_embeddings.weight", List.of("decoder.weight"));
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("embedding_dropout", "mlp_dropout"),
          List.of("attention_dropout"),
          List.of("classifier_dropout"));
    }

    @Override
    public String layerPattern() {
      return "layers";
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> new HeadModules(Set.of("head", "classifier"), "classifier");
        case TOKENS -> new HeadModules(Set.of("head", "classifier"), "classifier");
        case MASKED_TOKENS -> new HeadModules(Set.of("head", "decoder"), "decoder");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }
  }

  /**
   * What config.json says, under its names.
   *
   * @param isLocal of each layer, whether it looks at its neighbourhood only
   * @param reach how many tokens a local layer sees on either side
   * @param globalRope the rotations of the global layers
   * @param localRope those of the local ones
   */
  record Config(
      int vocabSize,
      int hiddenSize,
      int numAttentionHeads,
      int intermediateSize,
      String hiddenActivation,
      List<Boolean> isLocal,
      int reach,
      RotaryEmbedding.Settings globalRope,
      RotaryEmbedding.Settings localRope,
      double normEps,
      boolean normBias,
      boolean attentionBias,
      boolean mlpBias,
      double embeddingDropout,
      double attentionDropout,
      double mlpDropout,
      String classifierPooling,
      boolean classifierBias,
      String classifierActivation,
      double classifierDropout,
      boolean decoderBias,
      int numLabels) {

    static Config of(ModelConfig json) {
      int width = json.integer("hidden_size");
      int heads = json.integer("num_attention_heads");
      int reach = json.integer("local_attention", 128) / 2;
      json.mustBe("sliding_window", Integer.toString(reach));
      int headSize = width / Math.max(1, heads);
      json.mustBe("head_dim", Integer.toString(headSize));
      return new Config(
          json.integer("vocab_size"),
          width,
          heads,
          json.integer("intermediate_size"),
          json.text("hidden_activation", "gelu"),
          areLocal(json),
          reach,
          rope(json, "full_attention", "global_rope_theta", 160_000, headSize),
          rope(json, "sliding_attention", "local_rope_theta", 10_000, headSize),
          json.number("norm_eps", 1e-5),
          json.flag("norm_bias", false),
          json.flag("attention_bias", false),
          json.flag("mlp_bias", false),
          json.number("embedding_dropout", 0),
          json.number("attention_dropout", 0),
          json.number("mlp_dropout", 0),
          json.text("classifier_pooling", "cls"),
          json.flag("classifier_bias", false),
          json.text("classifier_activation", "gelu"),
          json.number("classifier_dropout", 0),
          json.flag("decoder_bias", true),
          json.labelCount());
    }

    Config {
      if (numAttentionHeads < 1 || hiddenSize % (2 * numAttentionHeads) != 0) {
        throw new LorikeetException(
            "config.json: hidden_size "
                + hiddenSize
                + " is no multiple of twice num_attention_heads "
                + numAttentionHeads
                + ", so no pairs can be turned: is it from this checkpoint?");
      }
      if (!Set.of("cls", "mean").contains(classifierPooling)) {
        throw new LorikeetException(
            "config.json: classifier_pooling is \"" + classifierPooling + "\": use cls or mean");
      }
    }

    /** By {@code layer_types}, or in older files by the distance between global layers. */
    private static List<Boolean> areLocal(ModelConfig json) {
      int layers = json.integer("num_hidden_layers");
      JsonNode types = json.get("layer_types");
      List<Boolean> local = new ArrayList<>();
      for (int i = 0; i < layers && !types.isArray(); i++) {
        local.add(i % json.integer("global_attn_every_n_layers", 3) != 0);
      }
      for (JsonNode type : types) {
        if (!Set.of("full_attention", "sliding_attention").contains(type.asText())) {
          throw new LorikeetException(
              json.place()
                  + ": layer_types has "
                  + type
                  + ", and only full_attention and sliding_attention are supported");
        }
        local.add(type.asText().equals("sliding_attention"));
      }
      if (local.size() != layers) {
        throw new LorikeetException(
            json.place()
                + ": layer_types has "
                + local.size()
                + " entries, num_hidden_layers is "
                + layers
                + ": is it from this checkpoint?");
      }
      return local;
    }

    /** By {@code rope_parameters} of the type of layer, or in older files by a key of its own. */
    private static RotaryEmbedding.Settings rope(
        ModelConfig json, String type, String oldKey, double otherwise, int headSize) {
      json.mustBeAbsent("rope_scaling");
      if (json.get(oldKey).isNull()) {
        throw new LorikeetException(json.place() + ": " + oldKey + " is null: give a number");
      }
      JsonNode written = json.get("rope_parameters").path(type);
      if (written.isObject()) {
        ModelConfig own = ModelConfig.of(json.place() + ": rope_parameters: " + type, written);
        own.mustBe("rope_type", "default");
        own.mustBe("partial_rotary_factor", "1.0");
      }
      return RotaryEmbedding.Settings.ofLayerType(json, type, headSize, oldKey, otherwise);
    }

    int headSize() {
      return hiddenSize / numAttentionHeads;
    }
  }

  private final Encoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;
  private final boolean isMean;

  private ModernBert(Config config, @Nullable HeadType type, Weights weights) {
    encoder = new Encoder(config, type == null ? weights : weights.at("model"));
    head = type == null ? hidden -> hidden : head(config, type, weights);
    isPooled = HeadType.SEQUENCE_CLASSIFICATION.equals(type);
    isMean = config.classifierPooling.equals("mean");
  }

  /** [B, T, D], or pooled [B, D], to logits. */
  private UnaryOperator<Tensor> head(Config config, HeadType type, Weights weights) {
    return type.reads() == HeadType.Reads.MASKED_TOKENS
        ? new MaskedLmHead(config, weights, encoder.words.weight())::forward
        : new Classifier(config, type, weights)::forward;
  }

  @Override
  public Tensor features(ModelInput input) {
    input.mustHaveNoCache("modernbert");
    Tensor hidden = encoder.forward(input); // [B, T, D]
    return isPooled ? pool(hidden, input.attentionMask()) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /** The first token's vector, or the mean of all tokens' that are no padding: [B, D]. */
  private Tensor pool(Tensor hidden, @Nullable Tensor attentionMask) {
    if (!isMean) {
      return hidden.select(1, 0);
    }
    if (attentionMask == null) {
      return hidden.mean(1, false);
    }
    Tensor real = attentionMask.to(hidden.dtype()).unsqueeze(-1); // [B, T, 1]
    return hidden.mul(real).sum(1, false).div(real.sum(1, false));
  }

  /**
   * Where a kind of layer looks, and from where.
   *
   * @param mask as {@link AttentionMasks} makes it
   * @param angles of the tokens
   */
  private record View(@Nullable Tensor mask, RotaryEmbedding.Angles angles) {}

  private static final class Attention {
    private final Projection wqkv;
    private final Projection wo;
    private final Dropout dropout;
    private final int heads;
    private final int headSize;

    Attention(Config config, Weights weights) {
      int width = config.hiddenSize;
      wqkv = weights.linear("Wqkv", 3L * width, width, config.attentionBias);
      wo = weights.linear("Wo", width, width, config.attentionBias);
      dropout = weights.dropout(config.attentionDropout);
      heads = config.numAttentionHeads;
      headSize = config.headSize();
    }

    Tensor forward(Tensor x, View view) {
      Tensor qkv = wqkv.forward(x).reshape(x.size(0), x.size(1), 3, heads, headSize);
      Tensor q = view.angles.rotate(qkv.select(2, 0)); // [B, T, H, d]
      Tensor k = view.angles.rotate(qkv.select(2, 1));
      Tensor v = qkv.select(2, 2);
      Tensor context = Ops.attention(q, k, v, view.mask, dropout.rate());
      return dropout.forward(wo.forward(context)); // [B, T, D]
    }
  }

  private static final class FeedForward {
    private final Projection wi;
    private final Projection wo;
    private final Dropout dropout;
    private final UnaryOperator<Tensor> activation;
    private final int width;

    FeedForward(Config config, Weights weights) {
      width = config.intermediateSize;
      wi = weights.linear("Wi", 2L * width, config.hiddenSize, config.mlpBias);
      wo = weights.linear("Wo", config.hiddenSize, width, config.mlpBias);
      dropout = weights.dropout(config.mlpDropout);
      activation = Activation.of(config.hiddenActivation);
    }

    Tensor forward(Tensor x) {
      Tensor both = wi.forward(x); // [B, T, 2I]
      Tensor gate = both.narrow(-1, width, width); // [B, T, I]
      Tensor h = activation.apply(both.narrow(-1, 0, width)).mul(gate);
      return wo.forward(dropout.forward(h)); // [B, T, D]
    }
  }

  private static final class Layer {
    private final UnaryOperator<Tensor> attentionNorm;
    private final Attention attention;
    private final LayerNorm feedForwardNorm;
    private final FeedForward feedForward;

    /**
     * @param normed whether the input of the attention is normed; the first layer's, the
     *     embeddings, is already
     */
    Layer(Config config, boolean normed, Weights weights) {
      attentionNorm = normed ? norm(config, "attn_norm", weights)::forward : x -> x;
      attention = new Attention(config, weights.at("attn"));
      feedForwardNorm = norm(config, "mlp_norm", weights);
      feedForward = new FeedForward(config, weights.at("mlp"));
    }

    Tensor forward(Tensor x, View view) {
      Tensor h = x.add(attention.forward(attentionNorm.apply(x), view));
      return h.add(feedForward.forward(feedForwardNorm.forward(h)));
    }
  }

  private static LayerNorm norm(Config config, String name, Weights weights) {
    return weights.layerNorm(name, config.hiddenSize, config.normEps, config.normBias);
  }

  private static final class Encoder {
    private final EmbeddingSlot words;
    private final LayerNorm norm;
    private final Dropout dropout;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm finalNorm;
    private final RotaryEmbedding globalRotary;
    private final RotaryEmbedding localRotary;
    private final Config config;
    private final Mode mode;

    Encoder(Config config, Weights weights) {
      Weights embeddings = weights.at("embeddings");
      words = embeddings.embedding("tok_embeddings", config.vocabSize, config.hiddenSize);
      norm = norm(config, "norm", embeddings);
      dropout = weights.dropout(config.embeddingDropout);
      for (int i = 0; i < config.isLocal.size(); i++) {
        layers.add(new Layer(config, i > 0, weights.at("layers").at(i)));
      }
      finalNorm = norm(config, "final_norm", weights);
      globalRotary = new RotaryEmbedding(config.globalRope, weights);
      localRotary = new RotaryEmbedding(config.localRope, weights);
      this.config = config;
      mode = weights.mode();
    }

    /** The last hidden state [B, T, D]. */
    Tensor forward(ModelInput input) {
      Tensor h = Scope.tidy(() -> embed(input));
      long length = h.size(1);
      View global =
          new View(
              AttentionMasks.padding(input.attentionMask(), mode.dtype()),
              globalRotary.angles(input, 0, length));
      View local =
          new View(
              AttentionMasks.near(input, length, config.reach, mode.dtype()),
              localRotary.angles(input, 0, length));
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        View view = config.isLocal.get(i) ? local : global;
        h = mode.block(h, x -> layer.forward(x, view));
      }
      return finalNorm.forward(h);
    }

    private Tensor embed(ModelInput input) {
      Tensor embedded = input.prepend(words.forward(input.inputIds()));
      return dropout.forward(norm.forward(embedded)); // [B, T, D]
    }
  }

  /** A linear layer, an activation and a norm, which all heads start with. */
  private static final class Transform {
    private final Projection dense;
    private final UnaryOperator<Tensor> activation;
    private final LayerNorm norm;

    Transform(Config config, Weights weights) {
      Weights head = weights.orNew("head").at("head");
      dense = head.linear("dense", config.hiddenSize, config.hiddenSize, config.classifierBias);
      activation = Activation.of(config.classifierActivation);
      norm = norm(config, "norm", head);
    }

    Tensor forward(Tensor x) {
      return norm.forward(activation.apply(dense.forward(x)));
    }
  }

  /** Classes of pooled vectors [B, D] or of tokens [B, T, D]. */
  private static final class Classifier {
    private final Transform transform;
    private final Dropout dropout;
    private final Projection classifier;

    Classifier(Config config, HeadType type, Weights weights) {
      transform = new Transform(config, weights);
      dropout = weights.dropout(config.classifierDropout);
      int outputs = type.outputs() > 0 ? type.outputs() : config.numLabels;
      classifier = weights.orNew("classifier").linear("classifier", outputs, config.hiddenSize);
    }

    Tensor forward(Tensor hidden) {
      return classifier.forward(dropout.forward(transform.forward(hidden))); // [..., C]
    }
  }

  /** The scores of all words. */
  private static final class MaskedLmHead {
    private final Transform transform;
    private final Projection decoder;

    MaskedLmHead(Config config, Weights weights, Parameter wordEmbeddings) {
      transform = new Transform(config, weights);
      Parameter bias =
          config.decoderBias ? weights.vectorOr("decoder.bias", 0, config.vocabSize) : null;
      decoder = weights.output("decoder", wordEmbeddings, bias);
    }

    Tensor forward(Tensor hidden) {
      return decoder.forward(transform.forward(hidden)); // [B, T, V]
    }
  }
}
