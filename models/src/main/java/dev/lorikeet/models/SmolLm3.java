package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * SmolLM3: Llama's block, where every fourth layer knows no places: its queries and keys are not
 * rotated ("NoPE", Yang et al. 2025, arXiv:2501.18795; Bakouch et al. 2025, "SmolLM3: smol,
 * multilingual, long-context reasoner"). These layers may have a sliding window.
 *
 * <p>Axes: B batch, T tokens, H query heads, K heads of keys and values, d width of a head, D width
 * of the model.
 */
final class SmolLm3 {
  private SmolLm3() {}

  /** SmolLM3 as a service. */
  public static final class Factory implements DecoderFactory {
    @Override
    public String modelType() {
      return "smollm3";
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      Config own = Config.of(json);
      return DecoderModel.of(json, type, weights, base -> decoder(own, base));
    }

    @Override
    public String className() {
      return "SmolLM3";
    }

    @Override
    public boolean tiesWeights(ModelConfig config) {
      return config.flag("tie_word_embeddings", true);
    }
  }

  /**
   * What config.json says, under its names.
   *
   * @param rotated the layers whose queries and keys are rotated
   */
  record Config(
      int vocabSize,
      int intermediateSize,
      int numHiddenLayers,
      GroupedHeads heads,
      boolean attentionBias,
      boolean mlpBias,
      String hiddenAct,
      double rmsNormEps,
      double attentionDropout,
      Set<Integer> rotated,
      SlidingWindow window,
      RotaryEmbedding.Settings rope) {

    private static final double ROPE_THETA = 2e6;

    static Config of(ModelConfig json) {
      GroupedHeads heads = GroupedHeads.of(json, 4);
      int layers = json.integer("num_hidden_layers");
      Set<Integer> rotated = rotated(json, layers);
      boolean slides = json.flag("use_sliding_window", false) && json.has("sliding_window");
      ModelConfig turning =
          json.has("rope_theta") ? json : json.withNumber("rope_theta", ROPE_THETA);
      return new Config(
          json.integer("vocab_size"),
          json.integer("intermediate_size"),
          layers,
          heads,
          json.flag("attention_bias", false),
          json.flag("mlp_bias", false),
          json.text("hidden_act", "silu"),
          json.number("rms_norm_eps", 1e-6),
          json.number("attention_dropout", 0),
          rotated,
          SlidingWindow.of(json, layers, null, layer -> slides && !rotated.contains(layer)),
          RotaryEmbedding.Settings.of(turning, heads.size()).whole(heads.size()));
    }

    /**
     * Where {@code no_rope_layers} has no 0; else all but one in {@code no_rope_layer_interval}.
     */
    private static Set<Integer> rotated(ModelConfig json, int layers) {
      JsonNode listed = json.get("no_rope_layers");
      int interval = json.integer("no_rope_layer_interval", 4);
      if (json.has("no_rope_layers") ? listed.size() < layers : interval < 1) {
        throw new LorikeetException(
            json.place()
                + (json.has("no_rope_layers")
                    ? ": no_rope_layers must have a 0 or 1 for each of "
                        + (layers + " layers, and is " + listed)
                    : ": no_rope_layer_interval is " + interval + ": it must be at least 1"));
      }
      return IntStream.range(0, layers)
          .filter(
              layer ->
                  json.has("no_rope_layers")
                      ? listed.get(layer).asInt() != 0
                      : (layer + 1) % interval != 0)
          .boxed()
          .collect(Collectors.toUnmodifiableSet());
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
        config.window,
        weights.mode());
  }

  private static final class Layer implements Decoder.Layer {
    private final RmsNorm attentionNorm;
    private final DecoderAttention attention;
    private final boolean rotates;
    private final RmsNorm feedForwardNorm;
    private final GatedFeedForward feedForward;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      attentionNorm = weights.rmsNorm("input_layernorm", width, config.rmsNormEps, 0);
      attention = attention(config, layer, weights.at("self_attn"));
      rotates = config.rotated.contains(layer);
      feedForwardNorm = weights.rmsNorm("post_attention_layernorm", width, config.rmsNormEps, 0);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, config.mlpBias, config.hiddenAct);
    }

    private static DecoderAttention attention(Config config, int layer, Weights weights) {
      boolean local = config.window.isAt(layer);
      double scale = 1 / Math.sqrt(config.heads.size());
      return new DecoderAttention(
          weights,
          config.heads,
          config.attentionBias,
          config.attentionBias,
          null,
          new CausalAttention(layer, local, scale, 0, weights.dropout(config.attentionDropout)));
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Mode mode = attentionNorm.mode();
      Tensor normed = attentionNorm.forward(x);
      Tensor h =
          ByHand.add(
              x,
              rotates ? attention.forward(normed, angles, pass) : attention.forward(normed, pass),
              mode);
      return ByHand.add(h, feedForward.forward(feedForwardNorm.forward(h)), mode); // [B, T, D]
    }
  }
}
