package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * OLMo 2: Llama's block with RMS norms behind each part instead of before it, and norms of queries
 * and keys over all heads together (OLMo et al. 2024, arXiv:2501.00656, §2).
 *
 * <p>Axes: B batch, T tokens, H query heads, K heads of keys and values, d width of a head, D width
 * of the model.
 */
final class Olmo2 implements Architecture {
  /** OLMo 2 as a service. */
  public static final class Factory implements DecoderFactory {
    @Override
    public String modelType() {
      return "olmo2";
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      return new Olmo2(Config.of(json), json, type, weights);
    }

    @Override
    public String className() {
      return "Olmo2";
    }
  }

  /** What config.json says, under its names. */
  record Config(
      int vocabSize,
      int intermediateSize,
      int numHiddenLayers,
      GroupedHeads heads,
      boolean attentionBias,
      String hiddenAct,
      double rmsNormEps,
      double attentionDropout,
      RotaryEmbedding.Settings rope) {

    static Config of(ModelConfig json) {
      GroupedHeads heads = GroupedHeads.of(json);
      return new Config(
          json.integer("vocab_size"),
          json.integer("intermediate_size"),
          json.integer("num_hidden_layers"),
          heads,
          json.flag("attention_bias", false),
          json.text("hidden_act", "silu"),
          json.number("rms_norm_eps", 1e-5),
          json.number("attention_dropout", 0),
          RotaryEmbedding.Settings.of(json, heads.size()).whole(heads.size()));
    }
  }

  private final Decoder decoder;
  private final DecoderHead head;

  private Olmo2(Config config, ModelConfig json, @Nullable HeadType type, Weights weights) {
    decoder = decoder(config, type == null ? weights : weights.at("model"));
    head = DecoderHead.of(type, json, weights, decoder.words());
  }

  @Override
  public Tensor features(ModelInput input) {
    return head.reads(input, decoder.forward(input));
  }

  @Override
  public Tensor head(Tensor features) {
    return head.scores(features);
  }

  private static Decoder decoder(Config config, Weights weights) {
    int width = config.heads.width();
    RotaryEmbedding rope = new RotaryEmbedding(config.rope, weights);
    return new Decoder(
        weights.embedding("embed_tokens", config.vocabSize, width),
        UnaryOperator.identity(),
        IntStream.range(0, config.numHiddenLayers)
            .mapToObj(layer -> new Layer(config, layer, weights.at("layers").at(layer)))
            .toList(),
        weights.rmsNorm("norm", width, config.rmsNormEps, 0),
        rope,
        rope,
        SlidingWindow.NONE,
        weights.mode());
  }

  private static final class Attention {
    private final GroupedHeads heads;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final RmsNorm queryNorm;
    private final RmsNorm keyNorm;
    private final CausalAttention attention;

    Attention(Config config, int layer, Weights weights) {
      heads = config.heads;
      int queries = heads.queries() * heads.size();
      int keys = heads.keysValues() * heads.size();
      boolean bias = config.attentionBias;
      query = weights.linear("q_proj", queries, heads.width(), bias);
      key = weights.linear("k_proj", keys, heads.width(), bias);
      value = weights.linear("v_proj", keys, heads.width(), bias);
      output = weights.linear("o_proj", heads.width(), queries, bias);
      queryNorm = weights.rmsNorm("q_norm", queries, config.rmsNormEps, 0);
      keyNorm = weights.rmsNorm("k_norm", keys, config.rmsNormEps, 0);
      attention =
          new CausalAttention(
              layer,
              false,
              1 / Math.sqrt(heads.size()),
              0,
              weights.dropout(config.attentionDropout));
    }

    /** [B, T, D] to [B, T, D]. */
    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Tensor q = heads.split(queryNorm.forward(query.forward(x))); // [B, T, H, d]
      Tensor k = heads.split(keyNorm.forward(key.forward(x))); // [B, T, K, d]
      Tensor v = heads.split(value.forward(x));
      return output.forward(attention.forward(angles.rotate(q), angles.rotate(k), v, pass));
    }
  }

  private static final class Layer implements Decoder.Layer {
    private final Attention attention;
    private final RmsNorm attentionNorm;
    private final GatedFeedForward feedForward;
    private final RmsNorm feedForwardNorm;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      double eps = config.rmsNormEps;
      attention = new Attention(config, layer, weights.at("self_attn"));
      attentionNorm = weights.rmsNorm("post_attention_layernorm", width, eps, 0);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, false, config.hiddenAct);
      feedForwardNorm = weights.rmsNorm("post_feedforward_layernorm", width, eps, 0);
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Mode mode = attentionNorm.mode();
      Tensor h = ByHand.add(x, attentionNorm.forward(attention.forward(x, angles, pass)), mode);
      return ByHand.add(h, feedForwardNorm.forward(feedForward.forward(h)), mode); // [B, T, D]
    }
  }
}
