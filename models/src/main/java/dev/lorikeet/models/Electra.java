package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * ELECTRA (Clark et al. 2020, arXiv:2003.10555): BERT's layers over embeddings that may be narrower
 * than the model, and then are projected up. Discriminators and generators are of the same build;
 * the discriminator's own head, which tells replaced tokens, is not read.
 *
 * <p>Axes: B batch, T tokens, E width of the embeddings, D width of the model.
 */
final class Electra implements Architecture {
  /** ELECTRA as a service. */
  public static final class Factory implements EncoderFactory {
    @Override
    public String modelType() {
      return "electra";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new Electra(
          BertEncoder.Config.of(config), config.integer("embedding_size", 128), type, weights);
    }

    @Override
    public String basePrefix() {
      return "electra";
    }

    @Override
    public String className() {
      return "Electra";
    }

    @Override
    public Map<String, List<String>> tiedWeights() {
      return Map.of(
          "electra.embeddings.word_embeddings.weight", List.of("generator_lm_head.weight"));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> new HeadModules(Set.of("classifier"), "classifier.out_proj");
        case TOKENS -> HeadModules.of(type.module());
        case MASKED_TOKENS ->
            new HeadModules(
                Set.of("generator_predictions", "generator_lm_head"), "generator_lm_head");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3", "ADALORA" -> List.of();
        case "LN_TUNING" -> List.of("LayerNorm");
        default -> List.of("query", "value");
      };
    }
  }

  private final BertEmbeddings embeddings;
  private final UnaryOperator<Tensor> widen;
  private final BertEncoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;

  private Electra(
      BertEncoder.Config config, int embeddingSize, @Nullable HeadType type, Weights weights) {
    Weights base = type == null ? weights : weights.at("electra");
    int width = config.hiddenSize();
    embeddings = new BertEmbeddings(config, embeddingSize, base.at("embeddings"));
    widen =
        embeddingSize == width
            ? embedded -> embedded
            : base.linear("embeddings_project", width, embeddingSize)::forward;
    encoder = new BertEncoder(config, base);
    head = type == null ? hidden -> hidden : head(config, embeddingSize, type, weights);
    isPooled = HeadType.SEQUENCE_CLASSIFICATION.equals(type);
  }

  @Override
  public Tensor features(ModelInput input) {
    Tensor embedded = widen.apply(embeddings.forward(input)); // [B, T, E] to [B, T, D]
    Tensor hidden = encoder.forward(embedded, input);
    return isPooled ? hidden.select(1, 0) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /** States to logits. */
  private UnaryOperator<Tensor> head(
      BertEncoder.Config config, int embeddingSize, HeadType type, Weights weights) {
    return switch (type.reads()) {
      case TEXT -> FirstTokenHead.of(config, Ops::gelu, weights)::forward;
      case TOKENS -> TokenHead.of(type, config, weights)::forward;
      case MASKED_TOKENS -> maskedLmHead(config, embeddingSize, weights)::forward;
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  /** The generator's head. */
  private MaskedLmHead maskedLmHead(BertEncoder.Config config, int embeddingSize, Weights weights) {
    Weights predictions = weights.at("generator_predictions").orNew("generator_predictions");
    return new MaskedLmHead(
        predictions.linear("dense", embeddingSize, config.hiddenSize()),
        Ops::gelu,
        predictions.layerNorm("LayerNorm", embeddingSize, config.layerNormEps()),
        weights.output(
            "generator_lm_head",
            embeddings.wordTable(),
            weights.at("generator_lm_head").vectorOr("bias", 0, config.vocabSize())));
  }
}
