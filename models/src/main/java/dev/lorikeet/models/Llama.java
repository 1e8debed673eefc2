package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Llama and its close kin: decoders with RMS norms before each part, rotary embeddings, grouped
 * queries and SwiGLU (Touvron et al. 2023, arXiv:2302.13971 and arXiv:2307.09288). Mistral adds a
 * sliding window (Jiang et al. 2023, arXiv:2310.06825), Qwen2 biases of queries, keys and values
 * (Yang et al. 2024, arXiv:2407.10671), Qwen3 norms of each head's queries and keys (Yang et al.
 * 2025, arXiv:2505.09388).
 *
 * <p>Axes: B batch, T tokens, H query heads, K heads of keys and values, d width of a head, D width
 * of the model, F width of the feed-forward part, V vocabulary.
 */
final class Llama implements Architecture {

  /** The model families, by what they do when config.json does not say. */
  enum Family implements Factory {
    LLAMA("Llama"),
    MISTRAL("Mistral"),
    QWEN2("Qwen2"),
    QWEN3("Qwen3");

    private final String className;

    Family(String className) {
      this.className = className;
    }

    @Override
    public Architecture build(ModelConfig json, @Nullable Task task, Weights weights) {
      return new Llama(Config.of(this, json), json, task, weights);
    }

    @Override
    public String basePrefix() {
      return "model";
    }

    @Override
    public String className() {
      return className;
    }

    @Override
    public Set<Task> tasks() {
      return EnumSet.of(Task.SEQUENCE_CLASSIFICATION, Task.CAUSAL_LM);
    }
  }

  /**
   * What config.json says. ({@code pretraining_tp} changes nothing: it cut the same products into
   * slices.)
   */
  record Config(
      int vocabSize,
      int hiddenSize,
      int intermediateSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int numKeyValueHeads,
      int headDim,
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
      json.mustBe("partial_rotary_factor", "1.0");
      int width = json.integer("hidden_size");
      int heads = json.integer("num_attention_heads");
      int headDim = json.integer("head_dim", family == Family.QWEN3 ? 128 : width / heads);
      boolean bias = json.flag("attention_bias", false);
      boolean biasAsked = bias && (family == Family.LLAMA || family == Family.QWEN3);
      return new Config(
          json.integer("vocab_size"),
          width,
          json.integer("intermediate_size"),
          json.integer("num_hidden_layers"),
          heads,
          json.integer("num_key_value_heads", heads),
          headDim,
          biasAsked || family == Family.QWEN2,
          biasAsked,
          family == Family.LLAMA && json.flag("mlp_bias", false),
          family == Family.QWEN3,
          json.text("hidden_act", "silu"),
          json.number("rms_norm_eps", 1e-6),
          json.number("attention_dropout", 0),
          window(family, json),
          RotaryEmbedding.Settings.of(json, null, headDim));
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

    Config {
      if (numKeyValueHeads < 1 || numAttentionHeads % numKeyValueHeads != 0) {
        throw new LorikeetException(
            "config.json: num_attention_heads "
                + numAttentionHeads
                + " is no multiple of num_key_value_heads "
                + numKeyValueHeads
                + ": is it from this checkpoint?");
      }
    }
  }

  private final Decoder decoder;
  private final DecoderHead head;

  private Llama(Config config, ModelConfig json, @Nullable Task task, Weights weights) {
    decoder = new Decoder(config, task == null ? weights : weights.at("model"));
    head = DecoderHead.of(task, json, weights, decoder.words, false);
  }

  @Override
  public Tensor logits(ModelInput input) {
    return head.logits(input, decoder.forward(input));
  }

  private static final class Attention {
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final @Nullable RmsNorm queryNorm;
    private final @Nullable RmsNorm keyNorm;
    private final CausalAttention attention;
    private final int headDim;

    Attention(Config config, int layer, Weights weights) {
      int width = config.hiddenSize;
      int queries = config.numAttentionHeads * config.headDim;
      int keys = config.numKeyValueHeads * config.headDim;
      query = weights.linear("q_proj", queries, width, config.queryKeyValueBias);
      key = weights.linear("k_proj", keys, width, config.queryKeyValueBias);
      value = weights.linear("v_proj", keys, width, config.queryKeyValueBias);
      output = weights.linear("o_proj", width, queries, config.outputBias);
      headDim = config.headDim;
      queryNorm =
          config.headNorms ? weights.rmsNorm("q_norm", headDim, config.rmsNormEps, 0) : null;
      keyNorm = config.headNorms ? weights.rmsNorm("k_norm", headDim, config.rmsNormEps, 0) : null;
      attention =
          new CausalAttention(
              layer,
              config.window.isAt(layer),
              1 / Math.sqrt(headDim),
              0,
              weights.dropout(config.attentionDropout));
    }

    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      Tensor q = heads(query.forward(x)); // [B, T, H, d]
      Tensor k = heads(key.forward(x)); // [B, T, K, d]
      Tensor v = heads(value.forward(x));
      if (queryNorm != null && keyNorm != null) {
        q = queryNorm.forward(q);
        k = keyNorm.forward(k);
      }
      return output.forward(attention.forward(angles.rotate(q), angles.rotate(k), v, pass));
    }

    private Tensor heads(Tensor x) {
      return x.reshape(x.size(0), x.size(1), -1, headDim);
    }
  }

  private static final class FeedForward {
    private final Projection gate;
    private final Projection up;
    private final Projection down;
    private final UnaryOperator<Tensor> activation;

    FeedForward(Config config, Weights weights) {
      gate =
          weights.linear("gate_proj", config.intermediateSize, config.hiddenSize, config.mlpBias);
      up = weights.linear("up_proj", config.intermediateSize, config.hiddenSize, config.mlpBias);
      down =
          weights.linear("down_proj", config.hiddenSize, config.intermediateSize, config.mlpBias);
      activation = Activation.of(config.hiddenAct);
    }

    Tensor forward(Tensor x) {
      Tensor h = activation.apply(gate.forward(x)).mul(up.forward(x)); // [B, T, F]
      return down.forward(h); // [B, T, D]
    }
  }

  private static final class Layer {
    private final RmsNorm attentionNorm;
    private final Attention attention;
    private final RmsNorm feedForwardNorm;
    private final FeedForward feedForward;

    Layer(Config config, int layer, Weights weights) {
      attentionNorm = weights.rmsNorm("input_layernorm", config.hiddenSize, config.rmsNormEps, 0);
      attention = new Attention(config, layer, weights.at("self_attn"));
      feedForwardNorm =
          weights.rmsNorm("post_attention_layernorm", config.hiddenSize, config.rmsNormEps, 0);
      feedForward = new FeedForward(config, weights.at("mlp"));
    }

    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass) {
      return Scope.tidy(
          () -> {
            Tensor h = x.add(attention.forward(attentionNorm.forward(x), angles, pass));
            return h.add(feedForward.forward(feedForwardNorm.forward(h))); // [B, T, D]
          });
    }
  }

  private static final class Decoder {
    private final EmbeddingSlot words;
    private final List<Layer> layers = new ArrayList<>();
    private final RmsNorm norm;
    private final RotaryEmbedding rope;
    private final SlidingWindow window;
    private final Mode mode;

    Decoder(Config config, Weights weights) {
      words = weights.embedding("embed_tokens", config.vocabSize, config.hiddenSize);
      for (int i = 0; i < config.numHiddenLayers; i++) {
        layers.add(new Layer(config, i, weights.at("layers").at(i)));
      }
      norm = weights.rmsNorm("norm", config.hiddenSize, config.rmsNormEps, 0);
      rope = new RotaryEmbedding(config.rope, weights);
      window = config.window;
      mode = weights.mode();
    }

    /** The last hidden state [B, T, D]. */
    Tensor forward(ModelInput input) {
      Tensor h = input.prepend(words.forward(input.inputIds()));
      CausalAttention.Pass pass = CausalAttention.Pass.of(input, h, window, mode);
      RotaryEmbedding.Angles angles = rope.angles(input, pass.past(), pass.length());
      for (Layer layer : layers) {
        h = layer.forward(h, angles, pass);
      }
      return norm.forward(h);
    }
  }
}
