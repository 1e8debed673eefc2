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
final class SmolLm3 implements Architecture {
  /** SmolLM3 as a service. */
  public static final class Factory implements DecoderFactory {
    @Override
    public String modelType() {
      return "smollm3";
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      return new SmolLm3(Config.of(json), json, type, weights);
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

  private final Decoder decoder;
  private final DecoderHead head;

  private SmolLm3(Config config, ModelConfig json, @Nullable HeadType type, Weights weights) {
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
        config.window,
        weights.mode());
  }

  private static final class Attention {
    private final GroupedHeads heads;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final boolean rotates;
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
      rotates = config.rotated.contains(layer);
      attention =
          new CausalAttention(
              layer,
              config.window.isAt(layer),
              1 / Math.sqrt(heads.size()),
              0,
              weights.dropout(config.attentionDropout));
    }

    /** [B, T, D] to [B, T, D]. */
    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Tensor q = heads.split(query.forward(x)); // [B, T, H, d]
      Tensor k = heads.split(key.forward(x)); // [B, T, K, d]
      Tensor v = heads.split(value.forward(x));
      return output.forward(
          rotates
              ? attention.forward(angles.rotate(q), angles.rotate(k), v, pass)
              : attention.forward(q, k, v, pass));
    }
  }

  private static final class Layer implements Decoder.Layer {
    private final RmsNorm attentionNorm;
    private final Attention attention;
    private final RmsNorm feedForwardNorm;
    private final GatedFeedForward feedForward;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      attentionNorm = weights.rmsNorm("input_layernorm", width, config.rmsNormEps, 0);
      attention = new Attention(config, layer, weights.at("self_attn"));
      feedForwardNorm = weights.rmsNorm("post_attention_layernorm", width, config.rmsNormEps, 0);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, config.mlpBias, config.hiddenAct);
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Mode mode = attentionNorm.mode();
      Tensor h = ByHand.add(x, attention.forward(attentionNorm.forward(x), angles, pass), mode);
      return ByHand.add(h, feedForward.forward(feedForwardNorm.forward(h)), mode); // [B, T, D]
    }
  }
}
