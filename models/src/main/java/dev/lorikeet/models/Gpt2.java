package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * GPT-2: a transformer decoder with learned positions and norms before each sublayer (Radford et
 * al. 2019, "Language Models are Unsupervised Multitask Learners"), under the names of Hugging
 * Face's checkpoints. Its linear layers are stored transposed.
 *
 * <p>Published checkpoints also carry causal masks ({@code h.0.attn.bias}), which are not read.
 * {@code reorder_and_upcast_attn} asks for another order of roundings, not for other mathematics:
 * it changes nothing here, as it does not in transformers' default attention.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width of the model.
 */
final class Gpt2 implements Architecture {
  /** GPT-2 as a service. */
  public static final class Factory implements Architecture.Factory {
    @Override
    public String modelType() {
      return "gpt2";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new Gpt2(config, type, weights);
    }

    @Override
    public String basePrefix() {
      return "transformer";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of("transformer.wte.weight", List.of("lm_head.weight"));
    }

    @Override
    public String className() {
      return "GPT2";
    }

    @Override
    public String className(HeadType type) {
      return HeadType.CAUSAL_LM.equals(type)
          ? "GPT2LMHeadModel"
          : Architecture.Factory.super.className(type);
    }

    @Override
    public int maxTokens(ModelConfig config) {
      return config.integer("n_positions");
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("embd_pdrop", "resid_pdrop"), List.of("attn_pdrop"), List.of());
    }

    @Override
    public List<HeadType> heads() {
      return List.of(HeadType.CAUSAL_LM, HeadType.SEQUENCE_CLASSIFICATION);
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return DecoderHead.modules(type);
    }

    @Override
    public String layerPattern() {
      return "h";
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3" -> List.of("c_attn", "mlp.c_proj");
        case "LN_TUNING" -> List.of("ln_1", "ln_2", "ln_f");
        default -> List.of("c_attn");
      };
    }
  }

  /** What config.json says, under its names. */
  record Config(
      int vocabSize,
      int nPositions,
      int nEmbd,
      int nLayer,
      int nHead,
      int nInner,
      String activationFunction,
      double residPdrop,
      double embdPdrop,
      double attnPdrop,
      double layerNormEpsilon,
      boolean scaleAttnWeights,
      boolean scaleAttnByInverseLayerIdx) {

    static Config of(ModelConfig json) {
      json.mustBe("add_cross_attention", "false");
      int width = json.integer("n_embd");
      return new Config(
          json.integer("vocab_size"),
          json.integer("n_positions"),
          width,
          json.integer("n_layer"),
          json.integer("n_head"),
          json.integer("n_inner", 4 * width),
          json.text("activation_function", "gelu_new"),
          json.number("resid_pdrop", 0.1),
          json.number("embd_pdrop", 0.1),
          json.number("attn_pdrop", 0.1),
          json.number("layer_norm_epsilon", 1e-5),
          json.flag("scale_attn_weights", true),
          json.flag("scale_attn_by_inverse_layer_idx", false));
    }

    Config {
      if (nHead < 1 || nEmbd % nHead != 0) {
        throw new LorikeetException(
            "config.json: n_embd "
                + nEmbd
                + " is no multiple of n_head "
                + nHead
                + ": is it from this checkpoint?");
      }
    }

    int headSize() {
      return nEmbd / nHead;
    }

    /** What a layer's scores are multiplied by. */
    double scale(int layer) {
      double scale = scaleAttnWeights ? 1 / Math.sqrt((double) headSize()) : 1;
      return scaleAttnByInverseLayerIdx ? scale / (layer + 1) : scale;
    }
  }

  private final Decoder decoder;
  private final DecoderHead head;

  private Gpt2(ModelConfig json, @Nullable HeadType type, Weights weights) {
    Config config = Config.of(json);
    decoder = new Decoder(config, type == null ? weights : weights.at("transformer"));
    head = DecoderHead.of(type, json, weights, decoder.words);
  }

  @Override
  public Tensor features(ModelInput input) {
    return head.reads(input, decoder.forward(input));
  }

  @Override
  public Tensor head(Tensor features) {
    return head.scores(features);
  }

  private static final class Attention {
    private final Projection queryKeyValue;
    private final Projection output;
    private final CausalAttention attention;
    private final Dropout dropout;
    private final int heads;

    Attention(Config config, Weights weights, int layer) {
      int width = config.nEmbd;
      queryKeyValue = weights.conv1d("c_attn", 3L * width, width);
      output = weights.conv1d("c_proj", width, width);
      attention =
          new CausalAttention(
              layer, false, config.scale(layer), 0, weights.dropout(config.attnPdrop));
      dropout = weights.dropout(config.residPdrop);
      heads = config.nHead;
    }

    Tensor forward(Tensor x, CausalAttention.Pass pass) {
      Tensor qkv = queryKeyValue.forward(x); // [B, T, 3D]
      Tensor context = attention.forward(part(qkv, 0), part(qkv, 1), part(qkv, 2), pass);
      return dropout.forward(output.forward(context)); // [B, T, D]
    }

    /** One of the three parts of [B, T, 3D] as [B, T, H, d]. */
    private Tensor part(Tensor qkv, int index) {
      long width = qkv.size(2) / 3;
      return qkv.narrow(2, index * width, width)
          .reshape(qkv.size(0), qkv.size(1), heads, width / heads);
    }
  }

  private static final class FeedForward {
    private final Projection in;
    private final Projection out;
    private final Dropout dropout;
    private final UnaryOperator<Tensor> activation;

    FeedForward(Config config, Weights weights) {
      in = weights.conv1d("c_fc", config.nInner, config.nEmbd);
      out = weights.conv1d("c_proj", config.nEmbd, config.nInner);
      dropout = weights.dropout(config.residPdrop);
      activation = Activation.of(config.activationFunction);
    }

    Tensor forward(Tensor x) {
      return dropout.forward(out.forward(activation.apply(in.forward(x)))); // [B, T, D]
    }
  }

  private static final class Layer {
    private final LayerNorm attentionNorm;
    private final Attention attention;
    private final LayerNorm feedForwardNorm;
    private final FeedForward feedForward;

    Layer(Config config, Weights weights, int index) {
      attentionNorm = weights.layerNorm("ln_1", config.nEmbd, config.layerNormEpsilon);
      attention = new Attention(config, weights.at("attn"), index);
      feedForwardNorm = weights.layerNorm("ln_2", config.nEmbd, config.layerNormEpsilon);
      feedForward = new FeedForward(config, weights.at("mlp"));
    }

    Tensor forward(Tensor x, CausalAttention.Pass pass) {
      Tensor h = x.add(attention.forward(attentionNorm.forward(x), pass));
      return h.add(feedForward.forward(feedForwardNorm.forward(h)));
    }
  }

  private static final class Decoder {
    private final EmbeddingSlot words;
    private final EmbeddingSlot positions;
    private final Dropout dropout;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm norm;
    private final int places;
    private final Mode mode;

    Decoder(Config config, Weights weights) {
      words = weights.embedding("wte", config.vocabSize, config.nEmbd);
      positions = weights.embedding("wpe", config.nPositions, config.nEmbd);
      dropout = weights.dropout(config.embdPdrop);
      for (int layer = 0; layer < config.nLayer; layer++) {
        layers.add(new Layer(config, weights.at("h").at(layer), layer));
      }
      norm = weights.layerNorm("ln_f", config.nEmbd, config.layerNormEpsilon);
      places = config.nPositions;
      mode = weights.mode();
    }

    /** The last hidden state, [B, T, D]. */
    Tensor forward(ModelInput input) {
      long past = input.past();
      Tensor h = embed(input, past);
      CausalAttention.Pass pass = CausalAttention.Pass.of(input, h, SlidingWindow.NONE, mode);
      for (Layer layer : layers) {
        h = mode.block(h, x -> layer.forward(x, pass));
      }
      return norm.forward(h);
    }

    private Tensor embed(ModelInput input, long past) {
      Tensor embedded = words.forward(input.inputIds()); // [B, T, D]
      if (input.tokenTypeIds() != null) {
        embedded =
            embedded.add(words.forward(input.tokenTypeIds())); // types are words of their own
      }
      Tensor h = input.prepend(embedded);
      return dropout.forward(h.add(positions.forward(places(input, past, h.size(1)))));
    }

    private Tensor places(ModelInput input, long past, long length) {
      if (input.positionIds() != null) {
        return input.positionIds();
      }
      if (past + length > places) {
        throw new LorikeetException(
            "the text has "
                + (past + length)
                + " tokens, and the model has places for "
                + places
                + " (n_positions): cut it");
      }
      return Tensor.arange(past, past + length, input.inputIds().device());
    }
  }
}
