package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Phi-3 and Phi-4-mini: Llama's block with queries, keys and values from one projection, gate and
 * up from another, and dropout before each sum (Abdin et al. 2024, arXiv:2404.14219).
 *
 * <p>Axes: B batch, T tokens, H query heads, K heads of keys and values, d width of a head, D width
 * of the model, F width of the feed-forward part.
 */
final class Phi3 {
  private Phi3() {}

  /** Phi-3 as a service. */
  public static final class Factory implements DecoderFactory {
    @Override
    public String modelType() {
      return "phi3";
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable HeadType type, Weights weights) {
      Config own = Config.of(json);
      return DecoderModel.of(json, type, weights, base -> decoder(own, base));
    }

    @Override
    public String className() {
      return "Phi3";
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("embd_pdrop", "resid_pdrop"), List.of("attention_dropout"), List.of());
    }
  }

  /** What config.json says, under its names. */
  record Config(
      int vocabSize,
      int intermediateSize,
      int numHiddenLayers,
      GroupedHeads heads,
      String hiddenAct,
      double rmsNormEps,
      double attentionDropout,
      double residPdrop,
      double embdPdrop,
      SlidingWindow window,
      RotaryEmbedding.Settings rope) {

    static Config of(ModelConfig json) {
      GroupedHeads heads = GroupedHeads.of(json);
      int layers = json.integer("num_hidden_layers");
      return new Config(
          json.integer("vocab_size"),
          json.integer("intermediate_size"),
          layers,
          heads,
          json.text("hidden_act", "silu"),
          json.number("rms_norm_eps", 1e-5),
          json.number("attention_dropout", 0),
          json.number("resid_pdrop", 0),
          json.number("embd_pdrop", 0),
          SlidingWindow.everywhere(json, layers, null),
          rope(json, heads));
    }

    /** Early checkpoints call longrope "su", and some "yarn"; all were trained on 4096 tokens. */
    private static RotaryEmbedding.Settings rope(ModelConfig json, GroupedHeads heads) {
      RotaryEmbedding.Settings rope = RotaryEmbedding.Settings.of(json, heads.size());
      boolean early = rope.type().equals("su") || rope.type().equals("yarn");
      return (early ? rope.withType("longrope") : rope)
          .withOriginalPositions(json.number("original_max_position_embeddings", 4096));
    }
  }

  private static Decoder decoder(Config config, Weights weights) {
    int width = config.heads.width();
    RotaryEmbedding rope = new RotaryEmbedding(config.rope, weights);
    return new Decoder(
        weights.embedding("embed_tokens", config.vocabSize, width),
        weights.dropout(config.embdPdrop)::forward,
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
    private final Projection queryKeyValue;
    private final Projection output;
    private final CausalAttention attention;
    private final GroupedHeads heads;

    Attention(Config config, int layer, Weights weights) {
      heads = config.heads;
      int queries = heads.queries() * heads.size();
      int keys = heads.keysValues() * heads.size();
      queryKeyValue = weights.linear("qkv_proj", queries + 2 * keys, heads.width(), false);
      output = weights.linear("o_proj", heads.width(), queries, false);
      attention =
          new CausalAttention(
              layer,
              config.window.isAt(layer),
              1 / Math.sqrt(heads.size()),
              0,
              weights.dropout(config.attentionDropout));
    }

    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      int queries = heads.queries();
      int keys = heads.keysValues();
      Tensor qkv = heads.split(queryKeyValue.forward(x)); // [B, T, H + 2K, d]
      Tensor q = angles.rotate(qkv.narrow(2, 0, queries)); // [B, T, H, d]
      Tensor k = angles.rotate(qkv.narrow(2, queries, keys)); // [B, T, K, d]
      Tensor v = qkv.narrow(2, queries + keys, keys);
      return output.forward(attention.forward(q, k, v, pass));
    }
  }

  private static final class FeedForward {
    private final Projection gateUp;
    private final Projection down;
    private final UnaryOperator<Tensor> activation;
    private final int inner;

    FeedForward(Config config, Weights weights) {
      inner = config.intermediateSize;
      gateUp = weights.linear("gate_up_proj", 2L * inner, config.heads.width(), false);
      down = weights.linear("down_proj", config.heads.width(), inner, false);
      activation = Activation.of(config.hiddenAct);
    }

    Tensor forward(Tensor x) {
      Tensor both = gateUp.forward(x); // [B, T, 2F]
      Tensor gate = activation.apply(both.narrow(2, 0, inner));
      return down.forward(both.narrow(2, inner, inner).mul(gate)); // [B, T, D]
    }
  }

  private static final class Layer implements Decoder.Layer {
    private final RmsNorm attentionNorm;
    private final Attention attention;
    private final RmsNorm feedForwardNorm;
    private final FeedForward feedForward;
    private final Dropout dropout;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      attentionNorm = weights.rmsNorm("input_layernorm", width, config.rmsNormEps, 0);
      attention = new Attention(config, layer, weights.at("self_attn"));
      feedForwardNorm = weights.rmsNorm("post_attention_layernorm", width, config.rmsNormEps, 0);
      feedForward = new FeedForward(config, weights.at("mlp"));
      dropout = weights.dropout(config.residPdrop);
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Tensor attended = attention.forward(attentionNorm.forward(x), angles, pass);
      Tensor h = x.add(dropout.forward(attended));
      return h.add(dropout.forward(feedForward.forward(feedForwardNorm.forward(h)))); // [B, T, D]
    }
  }
}
