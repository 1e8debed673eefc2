package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * BERT: a bidirectional transformer encoder with norms after each sum (Devlin et al. 2019,
 * arXiv:1810.04805), under the names of Hugging Face's checkpoints.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width of the model, V vocabulary.
 */
final class Bert implements Architecture {
  static final Factory FACTORY =
      new Factory() {
        @Override
        public Architecture build(ModelConfig config, @Nullable Task task, Weights weights) {
          if (task == Task.MASKED_LM) {
            config.mustBe("tie_word_embeddings", "true");
          }
          return new Bert(Config.of(config), task, weights);
        }

        @Override
        public String basePrefix() {
          return "bert";
        }

        @Override
        public String className() {
          return "Bert";
        }

        @Override
        public Set<Task> tasks() {
          return EnumSet.of(
              Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.MASKED_LM);
        }
      };

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
          (int) json.number("type_vocab_size", 2),
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

    int headSize() {
      return hiddenSize / numAttentionHeads;
    }
  }

  private final Encoder encoder;
  private final UnaryOperator<Tensor> head;

  private Bert(Config config, @Nullable Task task, Weights weights) {
    encoder = new Encoder(config, task == null ? weights : weights.at("bert"));
    head = task == null ? hidden -> hidden : head(config, task, weights);
  }

  /** [B, T, D] to logits. */
  private UnaryOperator<Tensor> head(Config config, Task task, Weights weights) {
    return switch (task) {
      case SEQUENCE_CLASSIFICATION -> new SequenceHead(config, weights)::forward;
      case TOKEN_CLASSIFICATION -> new TokenHead(config, weights)::forward;
      case MASKED_LM -> new MaskedLmHead(config, weights, encoder.wordEmbeddings())::forward;
      default -> throw new IllegalStateException("no head for " + task);
    };
  }

  @Override
  public Tensor logits(ModelInput input) {
    return head.apply(encoder.forward(input));
  }

  private static final class Attention {
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final LayerNorm norm;
    private final Dropout probabilitiesDropout;
    private final Dropout outputDropout;
    private final int heads;
    private final int headSize;

    Attention(Config config, Weights weights) {
      int width = config.hiddenSize;
      query = weights.linear("self.query", width, width);
      key = weights.linear("self.key", width, width);
      value = weights.linear("self.value", width, width);
      output = weights.linear("output.dense", width, width);
      norm = weights.at("output").layerNorm("LayerNorm", width, config.layerNormEps);
      probabilitiesDropout = weights.dropout(config.attentionProbsDropoutProb);
      outputDropout = weights.dropout(config.hiddenDropoutProb);
      heads = config.numAttentionHeads;
      headSize = config.headSize();
    }

    Tensor forward(Tensor x, @Nullable Tensor mask) {
      Tensor q = split(query.forward(x)); // [B, H, T, d]
      Tensor k = split(key.forward(x));
      Tensor v = split(value.forward(x));
      Tensor context = Ops.attention(q, k, v, mask, probabilitiesDropout.rate());
      Tensor merged = context.transpose(1, 2).reshape(x.shape()); // [B, T, D]
      return norm.forward(outputDropout.forward(output.forward(merged)).add(x));
    }

    /** [B, T, D] to [B, H, T, d]. */
    private Tensor split(Tensor x) {
      return x.reshape(x.size(0), x.size(1), heads, headSize).transpose(1, 2);
    }
  }

  private static final class FeedForward {
    private final Projection intermediate;
    private final Projection output;
    private final LayerNorm norm;
    private final Dropout dropout;
    private final UnaryOperator<Tensor> activation;

    FeedForward(Config config, Weights weights) {
      intermediate =
          weights.linear("intermediate.dense", config.intermediateSize, config.hiddenSize);
      output = weights.linear("output.dense", config.hiddenSize, config.intermediateSize);
      norm = weights.at("output").layerNorm("LayerNorm", config.hiddenSize, config.layerNormEps);
      dropout = weights.dropout(config.hiddenDropoutProb);
      activation = Activation.of(config.hiddenAct);
    }

    Tensor forward(Tensor x) {
      Tensor h = activation.apply(intermediate.forward(x)); // [B, T, 4D]
      return norm.forward(dropout.forward(output.forward(h)).add(x)); // [B, T, D]
    }
  }

  private record Layer(Attention attention, FeedForward feedForward) {
    Tensor forward(Tensor x, @Nullable Tensor mask) {
      return Scope.tidy(() -> feedForward.forward(attention.forward(x, mask)));
    }
  }

  private static final class Encoder {
    private final EmbeddingSlot words;
    private final EmbeddingSlot positions;
    private final EmbeddingSlot types;
    private final LayerNorm norm;
    private final Dropout dropout;
    private final List<Layer> layers = new ArrayList<>();
    private final Mode mode;

    Encoder(Config config, Weights weights) {
      Weights embeddings = weights.at("embeddings");
      int width = config.hiddenSize;
      words = embeddings.embedding("word_embeddings", config.vocabSize, width);
      positions = embeddings.embedding("position_embeddings", config.maxPositionEmbeddings, width);
      types = embeddings.embedding("token_type_embeddings", config.typeVocabSize, width);
      norm = embeddings.layerNorm("LayerNorm", width, config.layerNormEps);
      dropout = weights.dropout(config.hiddenDropoutProb);
      mode = weights.mode();
      for (int i = 0; i < config.numHiddenLayers; i++) {
        Weights layer = weights.at("encoder.layer").at(i);
        layers.add(
            new Layer(
                new Attention(config, layer.at("attention")), new FeedForward(config, layer)));
      }
    }

    /** The last hidden state [B, T, D]. */
    Tensor forward(ModelInput input) {
      Tensor mask = AttentionMasks.padding(input.attentionMask(), mode.dtype());
      Tensor h = Scope.tidy(() -> embed(input));
      for (Layer layer : layers) {
        h = layer.forward(h, mask);
      }
      return h;
    }

    Parameter wordEmbeddings() {
      return words.weight();
    }

    private Tensor embed(ModelInput input) {
      Tensor ids = input.inputIds();
      Tensor positionIds = Tensor.arange(0, ids.size(1), ids.device());
      Tensor type =
          input.tokenTypeIds() == null
              ? types.forward(Tensor.arange(0, 1, ids.device())) // [1, D]
              : types.forward(input.tokenTypeIds());
      Tensor sum = words.forward(ids).add(type).add(positions.forward(positionIds));
      return dropout.forward(norm.forward(sum)); // [B, T, D]
    }
  }

  /** tanh of the first token's projection, then a linear map to the classes. */
  private static final class SequenceHead {
    private final Projection pooler;
    private final Dropout dropout;
    private final Projection classifier;

    SequenceHead(Config config, Weights weights) {
      pooler =
          weights
              .orNew("bert.pooler")
              .linear("bert.pooler.dense", config.hiddenSize, config.hiddenSize);
      dropout = weights.dropout(config.classifierDropout);
      classifier =
          weights.orNew("classifier").linear("classifier", config.numLabels, config.hiddenSize);
    }

    Tensor forward(Tensor hidden) {
      Tensor pooled = pooler.forward(hidden.select(1, 0)).tanh(); // [B, D]
      return classifier.forward(dropout.forward(pooled)); // [B, C]
    }
  }

  private static final class TokenHead {
    private final Dropout dropout;
    private final Projection classifier;

    TokenHead(Config config, Weights weights) {
      dropout = weights.dropout(config.classifierDropout);
      classifier =
          weights.orNew("classifier").linear("classifier", config.numLabels, config.hiddenSize);
    }

    Tensor forward(Tensor hidden) {
      return classifier.forward(dropout.forward(hidden)); // [B, T, C]
    }
  }

  /** A transform, then the scores of all words: the word embeddings serve as the output weights. */
  private static final class MaskedLmHead {
    private final Projection transform;
    private final UnaryOperator<Tensor> activation;
    private final LayerNorm norm;
    private final Parameter decoder;
    private final Parameter bias;
    private final Mode mode;

    MaskedLmHead(Config config, Weights weights, Parameter wordEmbeddings) {
      Weights predictions = weights.at("cls.predictions");
      Weights transformation = predictions.orNew("cls.predictions.transform").at("transform");
      transform = transformation.linear("dense", config.hiddenSize, config.hiddenSize);
      activation = Activation.of(config.hiddenAct);
      norm = transformation.layerNorm("LayerNorm", config.hiddenSize, config.layerNormEps);
      decoder = wordEmbeddings;
      bias = predictions.vectorOr("bias", 0, config.vocabSize);
      mode = weights.mode();
    }

    Tensor forward(Tensor hidden) {
      Tensor h = norm.forward(activation.apply(transform.forward(hidden))); // [B, T, D]
      return Ops.linear(h, decoder.value(mode.dtype()), bias.value(mode.dtype())); // [B, T, V]
    }
  }
}
