package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
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
 * DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT's arithmetic in half as many layers,
 * without token types and pooler, under names of its own.
 *
 * <p>Axes: B batch, T tokens, with those of a soft prompt, D width of the model.
 */
final class DistilBert implements Architecture {
  /** DistilBERT as a service. */
  public static final class Factory implements EncoderFactory {
    @Override
    public String modelType() {
      return "distilbert";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new DistilBert(Config.of(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "distilbert";
    }

    @Override
    public String className() {
      return "DistilBert";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of(
          "distilbert.embeddings.word_embeddings.weight", List.of("vocab_projector.weight"));
    }

    @Override
    public Dropouts.Keys dropouts() {
      return new Dropouts.Keys(
          List.of("dropout"),
          List.of("attention_dropout"),
          List.of("seq_classif_dropout", "qa_dropout"));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> new HeadModules(Set.of("pre_classifier", "classifier"), "classifier");
        case TOKENS -> HeadModules.of(type.module());
        case MASKED_TOKENS ->
            new HeadModules(
                Set.of("vocab_transform", "vocab_layer_norm", "vocab_projector"),
                "vocab_projector");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }
  }

  private static final double LAYER_NORM_EPS = 1e-12;

  /** What config.json says, under its names. */
  private record Config(
      int vocabSize,
      int dim,
      int nLayers,
      int nHeads,
      int hiddenDim,
      String activation,
      double dropout,
      double attentionDropout,
      double seqClassifDropout,
      double qaDropout,
      int maxPositionEmbeddings,
      int numLabels) {

    static Config of(ModelConfig json) {
      return new Config(
          json.integer("vocab_size"),
          json.integer("dim"),
          json.integer("n_layers"),
          json.integer("n_heads"),
          json.integer("hidden_dim"),
          json.text("activation", "gelu"),
          json.number("dropout", 0.1),
          json.number("attention_dropout", 0.1),
          json.number("seq_classif_dropout", 0.2),
          json.number("qa_dropout", 0.1),
          json.integer("max_position_embeddings", 512),
          json.labelCount());
    }

    Config {
      if (nHeads < 1 || dim % nHeads != 0) {
        throw new LorikeetException(
            "config.json: dim "
                + dim
                + " is no multiple of n_heads "
                + nHeads
                + ": is it from this checkpoint?");
      }
      if (nLayers < 0) {
        throw new LorikeetException(
            "config.json: n_layers is " + nLayers + ": it must be at least 0");
      }
    }
  }

  private final Embeddings embeddings;
  private final List<Layer> layers = new ArrayList<>();
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;
  private final Mode mode;

  private DistilBert(Config config, @Nullable HeadType type, Weights weights) {
    Weights base = type == null ? weights : weights.at("distilbert");
    embeddings = new Embeddings(config, base.at("embeddings"));
    for (int i = 0; i < config.nLayers; i++) {
      layers.add(new Layer(config, i, base.at("transformer.layer").at(i)));
    }
    head = type == null ? hidden -> hidden : head(config, type, weights);
    isPooled = HeadType.SEQUENCE_CLASSIFICATION.equals(type);
    mode = weights.mode();
  }

  @Override
  public Tensor features(ModelInput input) {
    Tensor mask = AttentionMasks.padding(input.attentionMask(), mode.dtype());
    Tensor h = embeddings.forward(input);
    for (Layer layer : layers) {
      h = mode.block(h, x -> layer.forward(x, mask, input.cache()));
    }
    return isPooled ? h.select(1, 0) : h;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  private static final class Embeddings {
    private final EmbeddingSlot words;
    private final EmbeddingSlot positions;
    private final LayerNorm norm;
    private final Dropout dropout;

    Embeddings(Config config, Weights weights) {
      words = weights.embedding("word_embeddings", config.vocabSize, config.dim);
      positions =
          weights.embedding("position_embeddings", config.maxPositionEmbeddings, config.dim);
      norm = weights.layerNorm("LayerNorm", config.dim, LAYER_NORM_EPS);
      dropout = weights.dropout(config.dropout);
    }

    /** [B, T, D]. */
    Tensor forward(ModelInput input) {
      return Scope.tidy(
          () -> {
            Tensor word = input.prepend(words.forward(input.inputIds())); // [B, T, D]
            Tensor place = positions.forward(input.places(word.size(1)));
            return dropout.forward(norm.forward(word.add(place)));
          });
    }
  }

  private static final class Layer {
    private final SelfAttention attention;
    private final Dropout none;
    private final LayerNorm attentionNorm;
    private final FeedForward feedForward;

    Layer(Config config, int index, Weights weights) {
      int width = config.dim;
      Weights self = weights.at("attention");
      attention =
          new SelfAttention(
              index,
              self.linear("q_lin", width, width),
              self.linear("k_lin", width, width),
              self.linear("v_lin", width, width),
              self.linear("out_lin", width, width),
              config.nHeads,
              weights.dropout(config.attentionDropout));
      none = weights.dropout(0);
      attentionNorm = weights.layerNorm("sa_layer_norm", width, LAYER_NORM_EPS);
      feedForward =
          new FeedForward(
              weights.linear("ffn.lin1", config.hiddenDim, width),
              Activation.of(config.activation),
              weights.linear("ffn.lin2", width, config.hiddenDim),
              weights.dropout(config.dropout),
              weights.layerNorm("output_layer_norm", width, LAYER_NORM_EPS));
    }

    Tensor forward(Tensor x, @Nullable Tensor mask, @Nullable KeyValueCache cache) {
      Tensor h = ByHand.addNorm(attention.forward(x, mask, cache), x, none, attentionNorm);
      return feedForward.forward(h);
    }
  }

  // ---- heads ----

  /** States to logits. */
  private UnaryOperator<Tensor> head(Config config, HeadType type, Weights weights) {
    return switch (type.reads()) {
      case TEXT -> sequenceHead(config, weights)::forward;
      case TOKENS -> tokenHead(config, type, weights)::forward;
      case MASKED_TOKENS -> maskedLmHead(config, weights)::forward;
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  private static TokenHead tokenHead(Config config, HeadType type, Weights weights) {
    double dropout = type.outputs() > 0 ? config.qaDropout : config.dropout;
    return new TokenHead(type, config.dim, config.numLabels, dropout, weights);
  }

  private static FirstTokenHead sequenceHead(Config config, Weights weights) {
    return new FirstTokenHead(
        weights.dropout(0),
        weights.orNew("pre_classifier").linear("pre_classifier", config.dim, config.dim),
        Ops::relu,
        weights.dropout(config.seqClassifDropout),
        weights.orNew("classifier").linear("classifier", config.numLabels, config.dim));
  }

  private MaskedLmHead maskedLmHead(Config config, Weights weights) {
    return new MaskedLmHead(
        weights.orNew("vocab_transform").linear("vocab_transform", config.dim, config.dim),
        Activation.of(config.activation),
        weights.orNew("vocab_layer_norm").layerNorm("vocab_layer_norm", config.dim, LAYER_NORM_EPS),
        weights.output(
            "vocab_projector",
            embeddings.words.weight(),
            weights.at("vocab_projector").vectorOr("bias", 0, config.vocabSize)));
  }
}
