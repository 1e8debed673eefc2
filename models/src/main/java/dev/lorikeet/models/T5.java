package dev.lorikeet.models;

import dev.lorikeet.models.KeyValueCache.KeysValues;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * T5 and mT5: an encoder-decoder whose attention knows places by buckets of distances (Raffel et
 * al. 2020, arXiv:1910.10683; Xue et al. 2021, arXiv:2010.11934), under the names of Hugging Face's
 * checkpoints. Versions 1.0 (relu) and 1.1 (gated gelu).
 *
 * <p>Axes: B batch, T tokens of the text, U tokens of the answer, S tokens that are looked at, H
 * heads, d width of a head, D width of the model, V vocabulary.
 */
final class T5 implements Architecture {
  /** The family as a service. */
  public static final class Families implements Provider {
    @Override
    public List<Factory> factories() {
      return List.of(Family.values());
    }
  }

  /** The families, each under its {@code model_type}. */
  private enum Family implements Factory {
    T5("t5", "T5"),
    MT5("mt5", "MT5");

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
    public String className() {
      return className;
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new T5(Config.of(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "";
    }

    /** No bound: all that lie far away share a bucket. */
    @Override
    public int maxTokens(ModelConfig config) {
      return Integer.MAX_VALUE;
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of(
          "shared.weight",
          List.of("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"));
    }

    /**
     * As in transformers, whatever config.json says: {@code tie_word_embeddings} tells there
     * whether the output's input is scaled.
     */
    @Override
    public boolean tiesWeights(ModelConfig config) {
      return true;
    }

    /** As {@link #tiesWeights} says, config.json's flag tells something else. */
    @Override
    public boolean isUntiedByConfig() {
      return false;
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(List.of("dropout_rate"), List.of(), List.of());
    }

    @Override
    public List<HeadType> heads() {
      return List.of(HeadType.SEQ_2_SEQ_LM);
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return HeadModules.of("lm_head");
    }

    @Override
    public String layerPattern() {
      return "block";
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3" -> List.of("k", "v", this == MT5 ? "wi_1" : "wo");
        case "LN_TUNING" -> List.of("layer_norm", "final_layer_norm");
        case "ADALORA" ->
            this == MT5
                ? List.of("q", "k", "v", "o", "wi_0", "wi_1", "wo")
                : List.of("q", "k", "v", "o", "wi", "wo");
        default -> List.of("q", "v");
      };
    }

    /** mT5's last one, {@code wi_1}, is a first layer: its outputs are scaled like the others'. */
    @Override
    public List<String> feedForwardTargets() {
      return this == MT5 ? List.of() : Factory.super.feedForwardTargets();
    }
  }

  /**
   * What config.json says, under its names.
   *
   * @param ownHead whether a new model's head has weights of its own; a checkpoint shows it
   */
  record Config(
      int vocabSize,
      int dModel,
      int dKv,
      int dFf,
      int numLayers,
      int numDecoderLayers,
      int numHeads,
      int relativeAttentionNumBuckets,
      int relativeAttentionMaxDistance,
      double dropoutRate,
      double layerNormEpsilon,
      boolean gated,
      String denseActFn,
      boolean scaleDecoderOutputs,
      boolean ownHead) {

    static Config of(ModelConfig json) {
      json.mustBe("is_decoder", "false");
      json.mustBe("is_encoder_decoder", "true");
      boolean multilingual = json.modelType().equals("mt5");
      String projection = json.text("feed_forward_proj", multilingual ? "gated-gelu" : "relu");
      boolean gated = projection.startsWith("gated-");
      String activation = gated ? projection.substring("gated-".length()) : projection;
      String function = projection.equals("gated-gelu") ? "gelu_new" : activation;
      json.mustBe("is_gated_act", Boolean.toString(gated));
      json.mustBe("dense_act_fn", function);
      int layers = json.integer("num_layers");
      return new Config(
          json.integer("vocab_size"),
          json.integer("d_model"),
          json.integer("d_kv"),
          json.integer("d_ff"),
          layers,
          json.integer("num_decoder_layers", layers),
          json.integer("num_heads"),
          json.integer("relative_attention_num_buckets", 32),
          json.integer("relative_attention_max_distance", 128),
          json.number("dropout_rate", 0.1),
          json.number("layer_norm_epsilon", 1e-6),
          gated,
          function,
          !multilingual && scaled(json),
          multilingual || !json.flag("tie_word_embeddings", true));
    }

    /**
     * Version 1.0 scales, 1.1 does not: known by the embeddings that only 1.0's configs call tied.
     */
    private static boolean scaled(ModelConfig json) {
      return json.flag("scale_decoder_outputs", json.flag("tie_word_embeddings", true));
    }

    Config {
      atLeast("num_layers", numLayers, 1);
      atLeast("num_decoder_layers", numDecoderLayers, 1);
      atLeast("relative_attention_num_buckets", relativeAttentionNumBuckets, 4);
      atLeast(
          "relative_attention_max_distance",
          relativeAttentionMaxDistance,
          relativeAttentionNumBuckets / 2 + 1);
    }

    private static void atLeast(String key, int value, int least) {
      if (value < least) {
        throw new LorikeetException(
            "config.json: " + key + " is " + value + ": it must be at least " + least);
      }
    }

    /** The width of all heads together, which need not be the model's. */
    int inner() {
      return numHeads * dKv;
    }
  }

  private final EmbeddingSlot words;
  private final Encoder encoder;
  private final Decoder decoder;
  private final UnaryOperator<Tensor> head;

  private T5(Config config, @Nullable HeadType type, Weights weights) {
    words = weights.embedding("shared", config.vocabSize, config.dModel);
    weights.mustBeOne("encoder.embed_tokens.weight", words.weight());
    weights.mustBeOne("decoder.embed_tokens.weight", words.weight());
    encoder = new Encoder(config, weights.at("encoder"));
    decoder = new Decoder(config, weights.at("decoder"));
    head = type == null ? hidden -> hidden : head(config, weights);
  }

  /** [B, U, D] to logits [B, U, V]: by the word embeddings, or by weights of the head's own. */
  private UnaryOperator<Tensor> head(Config config, Weights weights) {
    Projection scores =
        weights.isScratch() && config.ownHead
            ? weights.ownOutput("lm_head", config.vocabSize, config.dModel)
            : weights.output("lm_head", words.weight(), null);
    double scale = config.scaleDecoderOutputs ? Math.pow(config.dModel, -0.5) : 1;
    return hidden -> scores.forward(scale == 1 ? hidden : hidden.mul(scale));
  }

  @Override
  public Tensor features(ModelInput input) {
    Tensor states = input.encoderStates() == null ? encode(input) : input.encoderStates();
    Tensor answer = words.forward(input.decoderInputIds()); // [B, U, D]
    return input.keep(decoder.forward(answer, states, input));
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  @Override
  public Tensor encode(ModelInput input) {
    Tensor embedded = input.prepend(words.forward(input.inputIds())); // [B, T, D]
    return encoder.forward(embedded, input.attentionMask());
  }

  /** The first layer's, which all layers share. */
  private static DistanceBuckets distances(Config config, Weights weights, boolean bothWays) {
    return new DistanceBuckets(
        weights.at("block.0.layer.0.SelfAttention"),
        config.relativeAttentionNumBuckets,
        config.relativeAttentionMaxDistance,
        config.numHeads,
        bothWays);
  }

  private static final class Attention {
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final Dropout probabilitiesDropout;
    private final int heads;
    private final int headSize;

    Attention(Config config, Weights weights) {
      query = weights.linear("q", config.inner(), config.dModel, false);
      key = weights.linear("k", config.inner(), config.dModel, false);
      value = weights.linear("v", config.inner(), config.dModel, false);
      output = weights.linear("o", config.dModel, config.inner(), false);
      probabilitiesDropout = weights.dropout(config.dropoutRate);
      heads = config.numHeads;
      headSize = config.dKv;
    }

    /** What others see of x [B, S, D]: [B, S, H, d] each. */
    KeysValues read(Tensor x) {
      return new KeysValues(split(key.forward(x)), split(value.forward(x)));
    }

    /** softmax(q kᵀ + mask) v: the scores are not scaled. */
    Tensor forward(Tensor x, KeysValues seen, @Nullable Tensor mask) {
      Tensor q = split(query.forward(x)); // [B, T, H, d]
      double p = probabilitiesDropout.rate();
      return output.forward(Ops.attention(q, seen.keys(), seen.values(), mask, p, 1));
    }

    /** [B, T, H·d] to [B, T, H, d]. */
    private Tensor split(Tensor x) {
      return x.reshape(x.size(0), x.size(1), heads, headSize);
    }
  }

  private static final class SelfAttention {
    private final RmsNorm norm;
    private final Attention attention;
    private final Dropout dropout;
    private final int layer;

    SelfAttention(Config config, Weights weights, int layer) {
      attention = new Attention(config, weights.at("SelfAttention"));
      norm = weights.rmsNorm("layer_norm", config.dModel, config.layerNormEpsilon, 0);
      dropout = weights.dropout(config.dropoutRate);
      this.layer = layer;
    }

    Tensor forward(Tensor x, Tensor mask, @Nullable KeyValueCache cache) {
      Tensor h = norm.forward(x);
      KeysValues own = attention.read(h);
      KeysValues all = cache == null ? own : cache.append(layer, own.keys(), own.values());
      return x.add(dropout.forward(attention.forward(h, all, mask)));
    }
  }

  private static final class CrossAttention {
    private final RmsNorm norm;
    private final Attention attention;
    private final Dropout dropout;
    private final int layer;

    CrossAttention(Config config, Weights weights, int layer) {
      attention = new Attention(config, weights.at("EncDecAttention"));
      norm = weights.rmsNorm("layer_norm", config.dModel, config.layerNormEpsilon, 0);
      dropout = weights.dropout(config.dropoutRate);
      this.layer = layer;
    }

    Tensor forward(Tensor x, Tensor states, @Nullable Tensor mask, @Nullable KeyValueCache cache) {
      KeysValues text =
          cache == null ? attention.read(states) : cache.once(layer, () -> attention.read(states));
      return x.add(dropout.forward(attention.forward(norm.forward(x), text, mask)));
    }
  }

  private static final class FeedForward {
    private final RmsNorm norm;
    private final Projection in;
    private final @Nullable Projection gate;
    private final Projection out;
    private final Dropout dropout;
    private final UnaryOperator<Tensor> activation;

    FeedForward(Config config, Weights weights) {
      Weights dense = weights.at("DenseReluDense");
      in = dense.linear(config.gated ? "wi_0" : "wi", config.dFf, config.dModel, false);
      gate = config.gated ? dense.linear("wi_1", config.dFf, config.dModel, false) : null;
      out = dense.linear("wo", config.dModel, config.dFf, false);
      norm = weights.rmsNorm("layer_norm", config.dModel, config.layerNormEpsilon, 0);
      dropout = weights.dropout(config.dropoutRate);
      activation = Activation.of(config.denseActFn);
    }

    Tensor forward(Tensor x) {
      Tensor normed = norm.forward(x);
      Tensor h = activation.apply(in.forward(normed)); // [B, T, F]
      Tensor gated = gate == null ? h : h.mul(gate.forward(normed));
      return x.add(dropout.forward(out.forward(dropout.forward(gated)))); // [B, T, D]
    }
  }

  private record EncoderLayer(SelfAttention attention, FeedForward feedForward) {
    Tensor forward(Tensor x, Tensor mask) {
      return feedForward.forward(attention.forward(x, mask, null));
    }
  }

  private static final class Encoder {
    private final List<EncoderLayer> layers = new ArrayList<>();
    private final DistanceBuckets distances;
    private final RmsNorm norm;
    private final Dropout dropout;
    private final Mode mode;

    Encoder(Config config, Weights weights) {
      for (int i = 0; i < config.numLayers; i++) {
        Weights layer = weights.at("block").at(i).at("layer");
        layers.add(
            new EncoderLayer(
                new SelfAttention(config, layer.at(0), i), new FeedForward(config, layer.at(1))));
      }
      distances = distances(config, weights, true);
      norm = weights.rmsNorm("final_layer_norm", config.dModel, config.layerNormEpsilon, 0);
      dropout = weights.dropout(config.dropoutRate);
      mode = weights.mode();
    }

    /** The last hidden state [B, T, D] of embedded tokens [B, T, D]. */
    Tensor forward(Tensor embedded, @Nullable Tensor attentionMask) {
      Tensor biases = distances.biases(0, embedded); // [1, H, T, T]
      Tensor padding = AttentionMasks.padding(attentionMask, mode.dtype()); // [B, 1, 1, T]
      Tensor mask = padding == null ? biases : biases.add(padding);
      Tensor h = dropout.forward(embedded);
      for (EncoderLayer layer : layers) {
        h = mode.block(h, x -> layer.forward(x, mask));
      }
      return dropout.forward(norm.forward(h));
    }
  }

  private record DecoderLayer(
      SelfAttention attention, CrossAttention crossAttention, FeedForward feedForward) {
    Tensor forward(
        Tensor x,
        Tensor mask,
        Tensor states,
        @Nullable Tensor padding,
        @Nullable KeyValueCache cache) {
      Tensor h = attention.forward(x, mask, cache);
      return feedForward.forward(crossAttention.forward(h, states, padding, cache));
    }
  }

  private static final class Decoder {
    private final List<DecoderLayer> layers = new ArrayList<>();
    private final DistanceBuckets distances;
    private final RmsNorm norm;
    private final Dropout dropout;
    private final Mode mode;

    Decoder(Config config, Weights weights) {
      for (int i = 0; i < config.numDecoderLayers; i++) {
        Weights layer = weights.at("block").at(i).at("layer");
        layers.add(
            new DecoderLayer(
                new SelfAttention(config, layer.at(0), i),
                new CrossAttention(config, layer.at(1), i),
                new FeedForward(config, layer.at(2))));
      }
      distances = distances(config, weights, false);
      norm = weights.rmsNorm("final_layer_norm", config.dModel, config.layerNormEpsilon, 0);
      dropout = weights.dropout(config.dropoutRate);
      mode = weights.mode();
    }

    /**
     * The last hidden state [B, U, D].
     *
     * @param answer embedded tokens [B, U, D]
     * @param states of the encoder, [B, T, D]
     * @param input for what is padding of the text, and for the cache
     */
    Tensor forward(Tensor answer, Tensor states, ModelInput input) {
      Tensor mask = mask(answer, input);
      Tensor padding = AttentionMasks.padding(input.attentionMask(), mode.dtype());
      Tensor read = mode.cut(states);
      Tensor h = dropout.forward(answer);
      for (DecoderLayer layer : layers) {
        h = mode.block(h, x -> layer.forward(x, mask, read, padding, input.cache()));
      }
      return dropout.forward(norm.forward(h));
    }

    /** Biases by distance, and what hides the tokens that come later: [1, H, U, S]. */
    private Tensor mask(Tensor answer, ModelInput input) {
      long past = input.past();
      ModelInput unpadded = new ModelInput(input.decoderInputIds(), null, null);
      Tensor later =
          AttentionMasks.causal(unpadded, past, answer.size(1), null, mode.dtype()); // [1, 1, U, S]
      Tensor biases = distances.biases(past, answer);
      return later == null ? biases : biases.add(later);
    }
  }
}
