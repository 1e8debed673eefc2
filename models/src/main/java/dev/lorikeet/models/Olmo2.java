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
final class Olmo2 {
  private Olmo2() {}

  /** OLMo 2 as a service. */
  public static final class Factory implements DecoderFactory {
    @Override
    public String modelType() {
      return "olmo2";
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      Config own = Config.of(json);
      return DecoderModel.of(json, type, weights, base -> decoder(own, base));
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

  private static final class Layer implements Decoder.Layer {
    private final DecoderAttention attention;
    private final RmsNorm attentionNorm;
    private final GatedFeedForward feedForward;
    private final RmsNorm feedForwardNorm;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      double eps = config.rmsNormEps;
      attention = attention(config, layer, weights.at("self_attn"));
      attentionNorm = weights.rmsNorm("post_attention_layernorm", width, eps, 0);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, false, config.hiddenAct);
      feedForwardNorm = weights.rmsNorm("post_feedforward_layernorm", width, eps, 0);
    }

    private static DecoderAttention attention(Config config, int layer, Weights weights) {
      GroupedHeads heads = config.heads;
      double scale = 1 / Math.sqrt(heads.size());
      return new DecoderAttention(
          weights,
          heads,
          config.attentionBias,
          config.attentionBias,
          DecoderAttention.Norms.ofAll(weights, heads, config.rmsNormEps),
          new CausalAttention(layer, false, scale, 0, weights.dropout(config.attentionDropout)));
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Mode mode = attentionNorm.mode();
      Tensor h = ByHand.add(x, attentionNorm.forward(attention.forward(x, angles, pass)), mode);
      return ByHand.add(h, feedForwardNorm.forward(feedForward.forward(h)), mode); // [B, T, D]
    }
  }
}
