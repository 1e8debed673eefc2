package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * RoBERTa (Liu et al. 2019, arXiv:1907.11692), XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116)
 * and CamemBERT (Martin et al. 2020, arXiv:1911.03894): BERT's layers, with places counted from the
 * padding token's id on, and heads of their own.
 *
 * <p>Axes: B batch, T tokens, with those of a soft prompt, D width of the model.
 */
final class Roberta implements Architecture {
  /** The family as a service. */
  public static final class Families implements Provider {
    @Override
    public List<Factory> factories() {
      return List.of(Family.values());
    }
  }

  /** The families, each under its {@code model_type}. */
  private enum Family implements EncoderFactory {
    ROBERTA("roberta", "Roberta"),
    XLM_ROBERTA("xlm-roberta", "XLMRoberta"),
    CAMEMBERT("camembert", "Camembert");

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
      return new Roberta(BertEncoder.Config.of(config), padTokenId(config), type, weights);
    }

    @Override
    public String basePrefix() {
      return "roberta";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of("roberta.embeddings.word_embeddings.weight", List.of("lm_head.decoder.weight"));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> new HeadModules(Set.of("classifier"), "classifier.out_proj");
        case TOKENS -> HeadModules.of(type.module());
        case MASKED_TOKENS -> new HeadModules(Set.of("lm_head"), "lm_head.decoder");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "LN_TUNING" -> List.of("LayerNorm");
        case "IA3" -> this == ROBERTA ? List.of("key", "value", "output.dense") : List.of();
        case "ADALORA" -> this == ROBERTA ? List.of("query", "key", "value", "dense") : List.of();
        default -> this == CAMEMBERT ? List.of() : List.of("query", "value");
      };
    }

    /** The places up to the padding token's id are no token's. */
    @Override
    public int maxTokens(ModelConfig config) {
      return EncoderFactory.super.maxTokens(config) - padTokenId(config) - 1;
    }

    private static int padTokenId(ModelConfig config) {
      return config.integer("pad_token_id", 1);
    }
  }

  private final int padTokenId;
  private final BertEmbeddings embeddings;
  private final BertEncoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;

  private Roberta(
      BertEncoder.Config config, int padTokenId, @Nullable HeadType type, Weights weights) {
    this.padTokenId = padTokenId;
    Weights base = type == null ? weights : weights.at("roberta");
    embeddings = new BertEmbeddings(config, config.hiddenSize(), base.at("embeddings"));
    encoder = new BertEncoder(config, base);
    if (type == null) {
      BertEncoder.keepPooler(config, weights);
    }
    head = type == null ? hidden -> hidden : head(config, type, weights);
    isPooled = HeadType.SEQUENCE_CLASSIFICATION.equals(type);
  }

  @Override
  public Tensor features(ModelInput input) {
    ModelInput placed = input.positionIds() == null ? input.withPositionIds(places(input)) : input;
    Tensor hidden = encoder.forward(embeddings.forward(placed), placed); // [B, T, D]
    return isPooled ? hidden.select(1, 0) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /**
   * The tokens' places [B, T] or [1, T]: the first is the padding token's id + 1, and padding has
   * that id itself for a place. Behind a soft prompt padding is counted like tokens.
   */
  private Tensor places(ModelInput input) {
    return Scope.tidy(
        () -> {
          Tensor ids = input.inputIds();
          if (input.virtualTokens() > 0) {
            long first = padTokenId + 1 + input.past();
            return Tensor.arange(first, first + input.virtualTokens() + ids.size(1), ids.device())
                .unsqueeze(0);
          }
          Tensor real = ids.ne(padTokenId); // [B, T]
          Tensor place = real.cumsum(1).add((double) input.past()).mul(real);
          return place.add(padTokenId).to(DType.INT64);
        });
  }

  /** States to logits. */
  private UnaryOperator<Tensor> head(BertEncoder.Config config, HeadType type, Weights weights) {
    return switch (type.reads()) {
      case TEXT -> FirstTokenHead.of(config, Tensor::tanh, weights)::forward;
      case TOKENS -> TokenHead.of(type, config, weights)::forward;
      case MASKED_TOKENS -> maskedLmHead(config, weights)::forward;
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  private MaskedLmHead maskedLmHead(BertEncoder.Config config, Weights weights) {
    int width = config.hiddenSize();
    Weights head = weights.at("lm_head");
    return new MaskedLmHead(
        head.orNew("lm_head.dense").linear("dense", width, width),
        Ops::gelu,
        head.orNew("lm_head.layer_norm").layerNorm("layer_norm", width, config.layerNormEps()),
        head.output(
            "decoder",
            embeddings.wordTable(),
            head.outputBias("bias", "decoder.bias", config.vocabSize())));
  }
}
