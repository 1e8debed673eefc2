package dev.lorikeet.models;

import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Gemma 2 and the text model of Gemma 3: decoders with RMS norms before and after each part, scaled
 * embeddings, and layers with and without a sliding window. Gemma 2 bends large scores and logits
 * (Riviere et al. 2024, arXiv:2408.00118); Gemma 3 norms each head's queries and keys instead, and
 * turns layers with a window faster (Kamath et al. 2025, arXiv:2503.19786).
 *
 * <p>Axes: B batch, T tokens, D width of the model, V vocabulary.
 */
final class Gemma implements Architecture {
  /** Norms keep their weight's distance from one. */
  private static final double OFFSET = 1;

  /** The family as a service. */
  public static final class Families implements Provider {
    @Override
    public List<Factory> factories() {
      return List.of(Family.values());
    }
  }

  /** The families, each under its {@code model_type}. */
  enum Family implements DecoderFactory {
    GEMMA2("gemma2", "Gemma2"),
    GEMMA3("gemma3_text", "Gemma3Text");

    private final String modelType;
    private final String className;

    Family(String modelType, String className) {
      this.modelType = modelType;
      this.className = className;
    }

    @Override
    public String modelType() {
      return modelType;
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      return new Gemma(Config.of(this, json), json, type, weights);
    }

    @Override
    public boolean tiesWeights(ModelConfig config) {
      return config.flag("tie_word_embeddings", true);
    }

    @Override
    public String className() {
      return className;
    }

    @Override
    public String className(HeadType type) {
      return HeadType.CAUSAL_LM.equals(type) && this == GEMMA3
          ? "Gemma3ForCausalLM"
          : DecoderFactory.super.className(type);
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3" -> List.of("q_proj", "v_proj", "down_proj");
        case "LN_TUNING" ->
            List.of(
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
                "norm");
        default -> List.of("q_proj", "v_proj");
      };
    }
  }

  /** What config.json says, under its names; a cap of 0 is none. */
  record Config(
      int vocabSize,
      int intermediateSize,
      int numHiddenLayers,
      GroupedHeads heads,
      boolean attentionBias,
      boolean headNorms,
      String hiddenActivation,
      double rmsNormEps,
      double attentionDropout,
      double queryPreAttnScalar,
      double attnLogitSoftcapping,
      double finalLogitSoftcapping,
      SlidingWindow window,
      RotaryEmbedding.Settings rope,
      RotaryEmbedding.Settings windowRope) {

    static Config of(Family family, ModelConfig json) {
      boolean gemma2 = family == Family.GEMMA2;
      json.mustBe("use_bidirectional_attention", "false");
      int layers = json.integer("num_hidden_layers");
      GroupedHeads heads = GroupedHeads.of(json, 4, 256);
      int pattern = gemma2 ? 2 : json.integer("sliding_window_pattern", 6);
      return new Config(
          json.integer("vocab_size"),
          json.integer("intermediate_size"),
          layers,
          heads,
          json.flag("attention_bias", false),
          !gemma2,
          json.text("hidden_activation", "gelu_pytorch_tanh"),
          json.number("rms_norm_eps", 1e-6),
          json.number("attention_dropout", 0),
          json.number("query_pre_attn_scalar", 256),
          cap(json, "attn_logit_softcapping", gemma2 ? 50 : 0),
          cap(json, "final_logit_softcapping", gemma2 ? 30 : 0),
          SlidingWindow.of(json, layers, 4096, layer -> (layer + 1) % pattern != 0),
          rope(family, json, heads.size()),
          windowRope(family, json, heads.size()));
    }

    /** A key that is missing has its default; one that is null says that nothing is bent. */
    private static double cap(ModelConfig json, String key, double otherwise) {
      return json.number(key, json.get(key).isMissingNode() ? otherwise : 0);
    }

    private static RotaryEmbedding.Settings rope(Family family, ModelConfig json, int size) {
      return family == Family.GEMMA2
          ? RotaryEmbedding.Settings.of(json, size).whole(size)
          : ofLayerType(json, "full_attention", size, "rope_theta", 1e6);
    }

    private static RotaryEmbedding.Settings windowRope(Family family, ModelConfig json, int size) {
      return family == Family.GEMMA2
          ? rope(family, json, size)
          : ofLayerType(json, "sliding_attention", size, "rope_local_base_freq", 1e4);
    }

    private static RotaryEmbedding.Settings ofLayerType(
        ModelConfig json, String layerType, int size, String thetaKey, double theta) {
      return RotaryEmbedding.Settings.ofLayerType(json, layerType, size, thetaKey, theta)
          .whole(size);
    }
  }

  private final Decoder decoder;
  private final DecoderHead head;
  private final double cap;

  private Gemma(Config config, ModelConfig json, @Nullable HeadType type, Weights weights) {
    decoder = decoder(config, type == null ? weights : weights.at("model"));
    head = DecoderHead.of(type, json, weights, decoder.words());
    cap = HeadType.CAUSAL_LM.equals(type) ? config.finalLogitSoftcapping : 0;
  }

  @Override
  public Tensor features(ModelInput input) {
    return head.reads(input, decoder.forward(input));
  }

  @Override
  public Tensor head(Tensor features) {
    Tensor logits = head.scores(features);
    return cap == 0 ? logits : logits.mul(1 / cap).tanh().mul(cap);
  }

  private static Decoder decoder(Config config, Weights weights) {
    int width = config.heads.width();
    double scale = rounded(Math.sqrt(width), weights.mode());
    return new Decoder(
        weights.embedding("embed_tokens", config.vocabSize, width),
        words -> words.mul(scale),
        IntStream.range(0, config.numHiddenLayers)
            .mapToObj(layer -> new Layer(config, layer, weights.at("layers").at(layer)))
            .toList(),
        weights.rmsNorm("norm", width, config.rmsNormEps, OFFSET),
        new RotaryEmbedding(config.rope, weights),
        new RotaryEmbedding(config.windowRope, weights),
        config.window,
        weights.mode());
  }

  /** A number as the computing type holds it: the reference scales by √D in that type. */
  private static double rounded(double number, Mode mode) {
    try (Scope scope = Scope.open()) {
      return Tensor.full(number, mode.dtype(), Device.CPU, 1).item();
    }
  }

  private static final class Layer implements Decoder.Layer {
    private final RmsNorm beforeAttention;
    private final DecoderAttention attention;
    private final RmsNorm afterAttention;
    private final RmsNorm beforeFeedForward;
    private final GatedFeedForward feedForward;
    private final RmsNorm afterFeedForward;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      double eps = config.rmsNormEps;
      beforeAttention = weights.rmsNorm("input_layernorm", width, eps, OFFSET);
      attention = attention(config, layer, weights.at("self_attn"));
      afterAttention = weights.rmsNorm("post_attention_layernorm", width, eps, OFFSET);
      beforeFeedForward = weights.rmsNorm("pre_feedforward_layernorm", width, eps, OFFSET);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, false, config.hiddenActivation);
      afterFeedForward = weights.rmsNorm("post_feedforward_layernorm", width, eps, OFFSET);
    }

    private static DecoderAttention attention(Config config, int layer, Weights weights) {
      int size = config.heads.size();
      return new DecoderAttention(
          weights,
          config.heads,
          config.attentionBias,
          config.attentionBias,
          config.headNorms
              ? DecoderAttention.Norms.ofHeads(weights, size, config.rmsNormEps, OFFSET)
              : null,
          new CausalAttention(
              layer,
              config.window.isAt(layer),
              1 / Math.sqrt(config.queryPreAttnScalar),
              config.attnLogitSoftcapping,
              weights.dropout(config.attentionDropout)));
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Tensor attended = attention.forward(beforeAttention.forward(x), angles, pass);
      Tensor h = ByHand.add(x, afterAttention.forward(attended), beforeAttention.mode());
      Tensor fed = feedForward.forward(beforeFeedForward.forward(h));
      return ByHand.add(h, afterFeedForward.forward(fed), beforeAttention.mode()); // [B, T, D]
    }
  }
}
