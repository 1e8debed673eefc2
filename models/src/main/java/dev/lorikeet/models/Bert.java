package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * BERT: a bidirectional transformer encoder with norms after each sum (Devlin et al. 2019,
 * arXiv:1810.04805), under the names of Hugging Face's checkpoints. Its layers are {@link
 * BertEncoder}'s.
 *
 * <p>Axes: B batch, T tokens, D width of the model.
 */
final class Bert implements Architecture {
  /** BERT as a service. */
  public static final class Factory implements EncoderFactory {
    @Override
    public String modelType() {
      return "bert";
    }

    @Override
    public Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights) {
      return new Bert(BertEncoder.Config.of(config), type, weights);
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
    public Map<String, List<String>> tiedWeights() {
      return Map.of(
          "bert.embeddings.word_embeddings.weight", List.of("cls.predictions.decoder.weight"));
    }

    @Override
    public HeadModules headModules(ModelConfig config, HeadType type) {
      return switch (type.reads()) {
        case TEXT -> HeadModules.of("classifier");
        case TOKENS -> HeadModules.of(type.module());
        case MASKED_TOKENS -> new HeadModules(Set.of("cls"), "cls.predictions.decoder");
        default -> throw new IllegalStateException("no head for " + type);
      };
    }

    @Override
    public List<String> defaultTargets(String peftType) {
      return switch (peftType) {
        case "IA3" -> List.of("key", "value", "output.dense");
        case "LN_TUNING" -> List.of("LayerNorm");
        default -> List.of("query", "value");
      };
    }
  }

  private final BertEmbeddings embeddings;
  private final BertEncoder encoder;
  private final UnaryOperator<Tensor> head;
  private final boolean isPooled;

  private Bert(BertEncoder.Config config, @Nullable HeadType type, Weights weights) {
    Weights base = type == null ? weights : weights.at("bert");
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
    Tensor hidden = encoder.forward(embeddings.forward(input), input); // [B, T, D]
    return isPooled ? hidden.select(1, 0) : hidden;
  }

  @Override
  public Tensor head(Tensor features) {
    return head.apply(features);
  }

  /** States to logits. */
  private UnaryOperator<Tensor> head(BertEncoder.Config config, HeadType type, Weights weights) {
    return switch (type.reads()) {
      case TEXT -> sequenceHead(config, weights)::forward;
      case TOKENS -> TokenHead.of(type, config, weights)::forward;
      case MASKED_TOKENS -> maskedLmHead(config, weights)::forward;
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  /** The dense layer is the encoder's pooler. */
  private static FirstTokenHead sequenceHead(BertEncoder.Config config, Weights weights) {
    int width = config.hiddenSize();
    return new FirstTokenHead(
        weights.dropout(0),
        weights.orNew("bert.pooler").linear("bert.pooler.dense", width, width),
        Tensor::tanh,
        weights.dropout(config.classifierDropout()),
        weights.orNew("classifier").linear("classifier", config.numLabels(), width));
  }

  private MaskedLmHead maskedLmHead(BertEncoder.Config config, Weights weights) {
    int width = config.hiddenSize();
    Weights predictions = weights.at("cls.predictions");
    Weights transform = predictions.orNew("cls.predictions.transform").at("transform");
    return new MaskedLmHead(
        transform.linear("dense", width, width),
        Activation.of(config.hiddenAct()),
        transform.layerNorm("LayerNorm", width, config.layerNormEps()),
        predictions.output(
            "decoder",
            embeddings.wordTable(),
            predictions.outputBias("bias", "decoder.bias", config.vocabSize())));
  }
}
