package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Llama and its close kin: decoders with RMS norms before each part, rotary embeddings, grouped
 * queries and SwiGLU (Touvron et al. 2023, arXiv:2302.13971 and arXiv:2307.09288). Mistral adds a
 * sliding window (Jiang et al. 2023, arXiv:2310.06825), Qwen2 biases of queries, keys and values
 * (Yang et al. 2024, arXiv:2407.10671), Qwen3 norms of each head's queries and keys (Yang et al.
 * 2025, arXiv:2505.09388).
 *
 * <p>Axes: B batch, T tokens, D width of the model.
 */
final class Llama {
  private Llama() {}

  /** The family as a service. */
  public static final class Families implements Architecture.Provider {
    @Override
    public List<Architecture.Factory> factories() {
      return List.of(Family.values());
    }
  }

  /** The families, each under its {@code model_type}. */
  enum Family implements DecoderFactory {
    LLAMA("llama", "Llama"),
    MISTRAL("mistral", "Mistral"),
    QWEN2("qwen2", "Qwen2"),
    QWEN3("qwen3", "Qwen3");

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
      Config own = Config.of(this, json);
      return DecoderModel.of(json, type, weights, base -> decoder(own, base));
    }

    @Override
    public String className() {
      return className;
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      boolean qwen = this == QWEN2 || this == QWEN3;
      return switch (peftType) {
        case "IA3" -> List.of(qwen ? "q_proj" : "k_proj", "v_proj", "down_proj");
        case "LN_TUNING" ->
            qwen
                ? List.of("post_attention_layernorm")
                : List.of("input_layernorm", "post_attention_layernorm", "norm");
        case "ADALORA" -> this == MISTRAL ? List.of() : List.of("q_proj", "v_proj");
        default -> List.of("q_proj", "v_proj");
      };
    }
  }

  /**
   * What config.json says. ({@code pretraining_tp} changes nothing: it cut the same products into
   * slices.)
   */
  record Config(
      int vocabSize,
      int intermediateSize,
      int numHiddenLayers,
      GroupedHeads heads,
      boolean queryKeyValueBias,
      boolean outputBias,
      boolean mlpBias,
      boolean headNorms,
      String hiddenAct,
      double rmsNormEps,
      double attentionDropout,
      SlidingWindow window,
      RotaryEmbedding.Settings rope) {

    static Config of(Family family, ModelConfig json) {
      GroupedHeads heads = heads(family, json);
      boolean bias =
          (family == Family.LLAMA || family == Family.QWEN3) && json.flag("attention_bias", false);
      return new Config(
          json.integer("vocab_size"),
          json.integer("intermediate_size"),
          json.integer("num_hidden_layers"),
          heads,
          bias || family == Family.QWEN2,
          bias,
          family == Family.LLAMA && json.flag("mlp_bias", false),
          family == Family.QWEN3,
          json.text("hidden_act", "silu"),
          json.number("rms_norm_eps", 1e-6),
          json.number("attention_dropout", 0),
          window(family, json),
          RotaryEmbedding.Settings.of(json, heads.size()).whole(heads.size()));
    }

    private static GroupedHeads heads(Family family, ModelConfig json) {
      return switch (family) {
        case LLAMA, QWEN2 -> GroupedHeads.of(json);
        case MISTRAL -> GroupedHeads.of(json, 8);
        case QWEN3 -> GroupedHeads.of(json, 32, 128);
      };
    }

    private static SlidingWindow window(Family family, ModelConfig json) {
      int layers = json.integer("num_hidden_layers");
      return switch (family) {
        case LLAMA -> SlidingWindow.NONE;
        case MISTRAL -> SlidingWindow.everywhere(json, layers, 4096);
        case QWEN2, QWEN3 -> {
          int first = json.integer("max_window_layers", 28);
          yield json.flag("use_sliding_window", false)
              ? SlidingWindow.of(json, layers, 4096, layer -> layer >= first)
              : SlidingWindow.NONE;
        }
      };
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
    private final RmsNorm feedForwardNorm;
    private final GatedFeedForward feedForward;

    Layer(Config config, int layer, Weights weights) {
      int width = config.heads.width();
      attentionNorm = weights.rmsNorm("input_layernorm", width, config.rmsNormEps, 0);
      attention = attention(config, layer, weights.at("self_attn"));
      feedForwardNorm = weights.rmsNorm("post_attention_layernorm", width, config.rmsNormEps, 0);
      feedForward =
          new GatedFeedForward(
              weights.at("mlp"), width, config.intermediateSize, config.mlpBias, config.hiddenAct);
    }

    private static DecoderAttention attention(Config config, int layer, Weights weights) {
      int size = config.heads.size();
      return new DecoderAttention(
          weights,
          config.heads,
          config.queryKeyValueBias,
          config.outputBias,
          config.headNorms
              ? DecoderAttention.Norms.ofHeads(weights, size, config.rmsNormEps, 0)
              : null,
          new CausalAttention(
              layer,
              config.window.isAt(layer),
              1 / Math.sqrt(size),
              0,
              weights.dropout(config.attentionDropout)));
    }

    @Override
    public Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Mode mode = attentionNorm.mode();
      Tensor h = ByHand.add(x, attention.forward(attentionNorm.forward(x), angles, pass), mode);
      return ByHand.add(h, feedForward.forward(feedForwardNorm.forward(h)), mode); // [B, T, D]
    }
  }
}
