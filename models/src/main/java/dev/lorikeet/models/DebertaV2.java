package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * DeBERTa, versions 2 and 3: an encoder whose attention tells what a token is from where it is, and
 * adds the scores of content with content, of content with distance, and of distance with content
 * (He et al. 2021, arXiv:2006.03654; arXiv:2111.09543), under the names of Hugging Face's
 * checkpoints.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width of the model, E width of the
 * embeddings, R distances with a vector of their own, V vocabulary.
 */
final class DebertaV2 implements Architecture {
  /** DeBERTa as a service. */
  public static final class Factory implements EncoderFactory {
    @Override
    public String modelType() {
      return "deberta-v2";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new DebertaV2(DebertaV2Config.of(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "deberta";
    }

    @Override
    public String className() {
      return "DebertaV2";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of(
          "deberta.embeddings.word_embeddings.weight", List.of("cls.predictions.decoder.weight"));
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("hidden_dropout_prob"),
          List.of("attention_probs_dropout_prob"),
          List.of("cls_dropout"));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> new HeadModules(Set.of("pooler", "classifier"), "classifier");
        case TOKENS -> HeadModules.of(type.module());
        case MASKED_TOKENS ->
            DebertaV2Config.of(config).legacy()
                ? new HeadModules(Set.of("cls"), "cls.predictions.decoder")
                : new HeadModules(Set.of("lm_predictions"), "deberta.embeddings.word_embeddings");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3" -> List.of("key_proj", "value_proj", "output.dense");
        case "ADALORA" -> List.of("query_proj", "key_proj", "value_proj", "dense");
        case "LN_TUNING" -> List.of("LayerNorm");
        default -> List.of("query_proj", "value_proj");
      };
    }
  }

  private final Encoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;

  private DebertaV2(DebertaV2Config config, @Nullable HeadType type, Weights weights) {
    encoder = new Encoder(config, type == null ? weights : weights.at("deberta"));
    head = type == null ? hidden -> hidden : head(config, type, weights);
    isPooled = HeadType.SEQUENCE_CLASSIFICATION.equals(type);
  }

  /** States to logits. */
  private UnaryOperator<Tensor> head(DebertaV2Config config, HeadType type, Weights weights) {
    return switch (type.reads()) {
      case TEXT -> new SequenceHead(config, weights)::forward;
      case TOKENS -> tokenHead(config, type, weights)::forward;
      case MASKED_TOKENS -> maskedLm(config, weights, encoder.embeddings.words)::forward;
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  @Override
  public Tensor features(ModelInput input) {
    input.mustHaveNoCache("deberta-v2");
    Tensor hidden = encoder.forward(input); // [B, T, D]
    return isPooled ? hidden.select(1, 0) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /** softmax((q kᵀ + q k̂ᵀ + q̂ kᵀ) / √(3d)) v, where the hats are of relative positions. */
  private static final class Attention {
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final @Nullable Projection positionQuery;
    private final @Nullable Projection positionKey;
    private final Projection output;
    private final LayerNorm norm;
    private final Dropout positionDropout;
    private final Dropout probabilitiesDropout;
    private final Dropout outputDropout;
    private final DebertaV2Config config;

    Attention(DebertaV2Config config, Weights weights) {
      int width = config.hiddenSize();
      Weights self = weights.at("self");
      query = self.linear("query_proj", width, width);
      key = self.linear("key_proj", width, width);
      value = self.linear("value_proj", width, width);
      boolean relative = config.distances() != null;
      boolean own = !config.shareAttKey();
      positionKey =
          relative && config.contentToPosition()
              ? own ? self.linear("pos_key_proj", width, width) : key
              : null;
      positionQuery =
          relative && config.positionToContent()
              ? own ? self.linear("pos_query_proj", width, width) : query
              : null;
      output = weights.linear("output.dense", width, width);
      norm = weights.at("output").layerNorm("LayerNorm", width, config.layerNormEps());
      positionDropout = weights.dropout(config.hiddenDropoutProb());
      probabilitiesDropout = weights.dropout(config.attentionProbsDropoutProb());
      outputDropout = weights.dropout(config.hiddenDropoutProb());
      this.config = config;
    }

    Tensor forward(Tensor x, LogDistances.@Nullable OfPass relative, @Nullable Tensor mask) {
      Tensor q = split(query.forward(x)); // [B, T, H, d]
      Tensor k = split(key.forward(x));
      Tensor v = split(value.forward(x));
      Tensor bias = relative == null ? mask : bias(q, k, relative, mask);
      double p = probabilitiesDropout.rate();
      Tensor context = Ops.attention(q, k, v, bias, p, config.scale());
      return norm.forward(outputDropout.forward(output.forward(context)).add(x)); // [B, T, D]
    }

    /** The scores with relative positions, scaled, and the mask: [B, H, T, T]. */
    private @Nullable Tensor bias(
        Tensor q, Tensor k, LogDistances.OfPass relative, @Nullable Tensor mask) {
      Tensor vectors = positionDropout.forward(relative.vectors()).unsqueeze(0); // [1, R, D]
      Tensor bias = mask;
      if (positionKey != null) {
        Tensor keys = split(positionKey.forward(vectors)); // [1, R, H, d]
        bias = plus(bias, distanceScores(q, keys, relative.falling()));
      }
      if (positionQuery != null) {
        Tensor queries = split(positionQuery.forward(vectors));
        bias = plus(bias, distanceScores(k, queries, relative.rising()).transpose(2, 3));
      }
      return bias;
    }

    /** Scores [B, H, T, T] of tokens [B, T, H, d] with the distances' [1, R, H, d]. */
    private Tensor distanceScores(Tensor tokens, Tensor positions, Tensor distances) {
      Tensor each = positions.mul(config.scale()).index(1, distances); // [1, 2T − 1, H, d]
      Tensor columns = each.transpose(1, 2).transpose(2, 3); // [1, H, d, 2T − 1]
      return Ops.ofDistances(tokens.transpose(1, 2).matmul(columns));
    }

    private static Tensor plus(@Nullable Tensor sum, Tensor scores) {
      return sum == null ? scores : scores.add(sum);
    }

    /** [B, T, D] to [B, T, H, d]. */
    private Tensor split(Tensor x) {
      return x.reshape(x.size(0), x.size(1), config.numAttentionHeads(), config.headSize());
    }
  }

  private static FeedForward feedForward(DebertaV2Config config, Weights weights) {
    int width = config.hiddenSize();
    return new FeedForward(
        weights.linear("intermediate.dense", config.intermediateSize(), width),
        Activation.of(config.hiddenAct()),
        weights.linear("output.dense", width, config.intermediateSize()),
        weights.dropout(config.hiddenDropoutProb()),
        weights.at("output").layerNorm("LayerNorm", width, config.layerNormEps()));
  }

  private record Layer(Attention attention, FeedForward feedForward) {
    Tensor forward(Tensor x, LogDistances.@Nullable OfPass relative, @Nullable Tensor mask) {
      return feedForward.forward(attention.forward(x, relative, mask));
    }
  }

  /** What each token's neighbours add to the first layer, after that. */
  private static final class Convolution {
    private final Parameter kernel;
    private final Parameter bias;
    private final LayerNorm norm;
    private final Dropout dropout;
    private final UnaryOperator<Tensor> activation;
    private final int groups;
    private final Mode mode;

    Convolution(DebertaV2Config config, Weights weights) {
      int width = config.hiddenSize();
      groups = config.convGroups();
      Weights conv = weights.at("conv");
      int read = width / groups;
      kernel =
          conv.normal("weight", config.initializerRange(), width, read, config.convKernelSize());
      bias = conv.vector("bias", 0, width);
      norm = weights.layerNorm("LayerNorm", width, config.layerNormEps());
      dropout = weights.dropout(config.hiddenDropoutProb());
      activation = Activation.of(config.convAct());
      mode = weights.mode();
    }

    /**
     * What the first layer gave, with the convolution of what it read.
     *
     * @param real 1 for tokens and 0 for padding [B, T, 1], or null without padding
     */
    Tensor forward(Tensor read, Tensor given, @Nullable Tensor real) {
      DType dtype = mode.dtype();
      Tensor out = Ops.convolution(read, kernel.value(dtype), bias.value(dtype), groups);
      Tensor shown = real == null ? out : out.mul(real);
      Tensor sum = norm.forward(given.add(activation.apply(dropout.forward(shown))));
      return real == null ? sum : sum.mul(real);
    }
  }

  private static final class Embeddings {
    private final EmbeddingSlot words;
    private final @Nullable EmbeddingSlot positions;
    private final @Nullable EmbeddingSlot types;
    private final @Nullable Projection projection;
    private final LayerNorm norm;
    private final Dropout dropout;

    Embeddings(DebertaV2Config config, Weights weights) {
      int width = config.embeddingSize();
      words = weights.embedding("word_embeddings", config.vocabSize(), width);
      positions =
          config.positionBiasedInput()
              ? weights.embedding("position_embeddings", config.maxPositionEmbeddings(), width)
              : null;
      types =
          config.typeVocabSize() > 0
              ? weights.embedding("token_type_embeddings", config.typeVocabSize(), width)
              : null;
      projection =
          width == config.hiddenSize()
              ? null
              : weights.linear("embed_proj", config.hiddenSize(), width, false);
      norm = weights.layerNorm("LayerNorm", config.hiddenSize(), config.layerNormEps());
      dropout = weights.dropout(config.hiddenDropoutProb());
    }

    /** [B, T, D]; padding is 0. */
    Tensor forward(ModelInput input, @Nullable Tensor real) {
      Tensor x = input.prepend(words.forward(input.inputIds())); // [B, T, E]
      if (positions != null) {
        Tensor places = input.positionIds();
        x = x.add(positions.forward(places == null ? from0To(x.size(1), x) : places));
      }
      if (types != null) {
        Tensor kinds = input.tokenTypeIds();
        x = x.add(types.forward(kinds == null ? from0To(1, x) : kinds));
      }
      Tensor normed = norm.forward(projection == null ? x : projection.forward(x));
      return dropout.forward(real == null ? normed : normed.mul(real));
    }

    private static Tensor from0To(long end, Tensor x) {
      return Tensor.arange(0, end, x.device());
    }
  }

  private static final class Encoder {
    private final Embeddings embeddings;
    private final List<Layer> layers = new ArrayList<>();
    private final @Nullable LogDistances distances;
    private final @Nullable Parameter relativePositions;
    private final UnaryOperator<Tensor> relativeNorm;
    private final @Nullable Convolution convolution;
    private final Mode mode;

    Encoder(DebertaV2Config config, Weights weights) {
      embeddings = new Embeddings(config, weights.at("embeddings"));
      Weights encoder = weights.at("encoder");
      int width = config.hiddenSize();
      for (int i = 0; i < config.numHiddenLayers(); i++) {
        Weights layer = encoder.at("layer").at(i);
        layers.add(
            new Layer(new Attention(config, layer.at("attention")), feedForward(config, layer)));
      }
      distances = config.distances();
      relativePositions =
          distances == null
              ? null
              : encoder.embedding("rel_embeddings", 2L * distances.span(), width).weight();
      relativeNorm =
          config.normRelEbd()
              ? encoder.layerNorm("LayerNorm", width, config.layerNormEps())::forward
              : vectors -> vectors;
      convolution =
          config.convKernelSize() > 0 ? new Convolution(config, encoder.at("conv")) : null;
      mode = weights.mode();
    }

    /** The last hidden state [B, T, D]. */
    Tensor forward(ModelInput input) {
      Tensor attended = input.attentionMask();
      Tensor real = attended == null ? null : attended.to(mode.dtype()).unsqueeze(-1); // [B, T, 1]
      Tensor mask = real == null ? null : Scope.tidy(() -> mask(real)); // [B, 1, T, T]
      Tensor embedded = Scope.tidy(() -> embeddings.forward(input, real));
      LogDistances.OfPass relative = relative((int) embedded.size(1));
      Tensor h = embedded;
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        Convolution beside = i == 0 ? convolution : null;
        h =
            mode.block(
                h,
                x -> {
                  Tensor answer = layer.forward(x, relative, mask);
                  return beside == null ? answer : beside.forward(x, answer, real);
                });
      }
      return h;
    }

    /** Hides padding, from padding too, as the reference does. */
    private Tensor mask(Tensor real) {
      Tensor pairs = real.mul(real.transpose(1, 2)).unsqueeze(1);
      return AttentionMasks.scores(pairs.gt(0), mode.dtype());
    }

    private LogDistances.@Nullable OfPass relative(int length) {
      return distances == null || relativePositions == null
          ? null
          : LogDistances.OfPass.of(
              distances, relativeNorm.apply(relativePositions.value(mode.dtype())), length);
    }
  }

  /** A projection of the first token, then a linear map to the classes. */
  private static final class SequenceHead {
    private final Dropout poolerDropout;
    private final Projection pooler;
    private final UnaryOperator<Tensor> activation;
    private final Dropout dropout;
    private final Projection classifier;

    SequenceHead(DebertaV2Config config, Weights weights) {
      int width = config.hiddenSize();
      poolerDropout = weights.dropout(config.poolerDropout());
      pooler = weights.orNew("pooler").linear("pooler.dense", width, width);
      activation = Activation.of(config.poolerHiddenAct());
      dropout = weights.dropout(config.clsDropout());
      classifier = weights.orNew("classifier").linear("classifier", config.numLabels(), width);
    }

    /** The first token's state [B, D] to logits [B, C]. */
    Tensor forward(Tensor first) {
      Tensor pooled = activation.apply(pooler.forward(poolerDropout.forward(first)));
      return classifier.forward(dropout.forward(pooled)); // [B, C]
    }
  }

  private static TokenHead tokenHead(DebertaV2Config config, HeadType type, Weights weights) {
    double dropout = type.outputs() > 0 ? 0 : config.hiddenDropoutProb();
    return new TokenHead(type, config.hiddenSize(), config.numLabels(), dropout, weights);
  }

  /** BERT's head, which transformers calls legacy, or that of DeBERTa's own code. */
  private static MaskedLmHead maskedLm(
      DebertaV2Config config, Weights weights, EmbeddingSlot words) {
    if (!config.legacy()) {
      DebertaV2Config.mustBeEqual("embedding_size", config.embeddingSize(), config.hiddenSize());
    }
    String module = config.legacy() ? "cls.predictions.transform" : "lm_predictions.lm_head";
    Weights transform = weights.orNew(module).at(module);
    return new MaskedLmHead(
        transform.linear("dense", config.embeddingSize(), config.hiddenSize()),
        Activation.of(config.hiddenAct()),
        transform.layerNorm("LayerNorm", config.embeddingSize(), config.layerNormEps()),
        config.legacy()
            ? decoder(weights.at("cls.predictions"), config, words)
            : weights.outputOf(words, weights.at(module).vectorOr("bias", 0, config.vocabSize())));
  }

  private static Projection decoder(
      Weights predictions, DebertaV2Config config, EmbeddingSlot words) {
    Parameter bias = predictions.outputBias("bias", "decoder.bias", config.vocabSize());
    return predictions.output("decoder", words.weight(), bias);
  }
}
