package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layers that BERT (Devlin et al. 2019, arXiv:1810.04805) shares with its descendants RoBERTa
 * and ELECTRA: attention and feed-forward, with norms after each sum.
 *
 * <p>Axes: B batch, T tokens, D width of the model.
 */
final class BertEncoder {
  /** What config.json says, under its names. */
  record Config(
      int vocabSize,
      int hiddenSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int intermediateSize,
      String hiddenAct,
      double hiddenDropoutProb,
      double attentionProbsDropoutProb,
      double classifierDropout,
      int maxPositionEmbeddings,
      int typeVocabSize,
      double layerNormEps,
      int numLabels) {

    /**
     * What config.json says.
     *
     * @throws LorikeetException when it asks for arithmetic that is not built
     */
    static Config of(ModelConfig json) {
      json.mustBe("position_embedding_type", "absolute");
      json.mustBe("is_decoder", "false");
      json.mustBe("add_cross_attention", "false");
      double hiddenDropout = json.number("hidden_dropout_prob", 0.1);
      return new Config(
          json.integer("vocab_size"),
          json.integer("hidden_size"),
          json.integer("num_hidden_layers"),
          json.integer("num_attention_heads"),
          json.integer("intermediate_size"),
          json.text("hidden_act", "gelu"),
          hiddenDropout,
          json.number("attention_probs_dropout_prob", 0.1),
          json.number("classifier_dropout", hiddenDropout),
          json.integer("max_position_embeddings"),
          json.integer("type_vocab_size", 2),
          json.number("layer_norm_eps", 1e-12),
          json.labelCount());
    }

    Config {
      if (numAttentionHeads < 1 || hiddenSize % numAttentionHeads != 0) {
        throw new LorikeetException(
            "config.json: hidden_size "
                + hiddenSize
                + " is no multiple of num_attention_heads "
                + numAttentionHeads
                + ": is it from this checkpoint?");
      }
      if (numHiddenLayers < 0) {
        throw new LorikeetException(
            "config.json: num_hidden_layers is " + numHiddenLayers + ": it must be at least 0");
      }
    }
  }

  private final List<Layer> layers = new ArrayList<>();
  private final Mode mode;

  /** The layers below {@code weights.at("encoder.layer")}. */
  BertEncoder(Config config, Weights weights) {
    mode = weights.mode();
    for (int i = 0; i < config.numHiddenLayers; i++) {
      Weights layer = weights.at("encoder.layer").at(i);
      layers.add(
          new Layer(new Attention(config, i, layer.at("attention")), feedForward(config, layer)));
    }
  }

  /**
   * The last hidden state.
   *
   * @param embedded [B, T, D], of the tokens of {@code input}
   * @return [B, T, D]
   */
  Tensor forward(Tensor embedded, ModelInput input) {
    Tensor mask = AttentionMasks.padding(input.attentionMask(), mode.dtype());
    Tensor h = embedded;
    for (Layer layer : layers) {
      h = mode.block(h, x -> layer.forward(x, mask, input.cache()));
    }
    return h;
  }

  private static FeedForward feedForward(Config config, Weights weights) {
    return new FeedForward(
        weights.linear("intermediate.dense", config.intermediateSize, config.hiddenSize),
        Activation.of(config.hiddenAct),
        weights.linear("output.dense", config.hiddenSize, config.intermediateSize),
        weights.dropout(config.hiddenDropoutProb),
        weights.at("output").layerNorm("LayerNorm", config.hiddenSize, config.layerNormEps));
  }

  private static final class Attention {
    private final SelfAttention self;
    private final LayerNorm norm;
    private final Dropout dropout;

    Attention(Config config, int layer, Weights weights) {
      int width = config.hiddenSize;
      self =
          new SelfAttention(
              layer,
              weights.linear("self.query", width, width),
              weights.linear("self.key", width, width),
              weights.linear("self.value", width, width),
              weights.linear("output.dense", width, width),
              config.numAttentionHeads,
              weights.dropout(config.attentionProbsDropoutProb));
      norm = weights.at("output").layerNorm("LayerNorm", width, config.layerNormEps);
      dropout = weights.dropout(config.hiddenDropoutProb);
    }

    Tensor forward(Tensor x, @Nullable Tensor mask, @Nullable KeyValueCache cache) {
      return ByHand.addNorm(self.forward(x, mask, cache), x, dropout, norm); // [B, T, D]
    }
  }

  private record Layer(Attention attention, FeedForward feedForward) {
    Tensor forward(Tensor x, @Nullable Tensor mask, @Nullable KeyValueCache cache) {
      return feedForward.forward(attention.forward(x, mask, cache));
    }
  }

  /**
   * Takes in the pooler of a checkpoint without a head. Nothing here reads it: adapters made for it
   * find their place, and what is written again has it.
   */
  static void keepPooler(Config config, Weights weights) {
    if (weights.has("pooler.dense.weight")) {
      weights.at("pooler").linear("dense", config.hiddenSize(), config.hiddenSize());
    }
  }
}
