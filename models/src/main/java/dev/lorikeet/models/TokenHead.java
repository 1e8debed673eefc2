package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/** An answer for each token: a linear map. */
final class TokenHead {
  private final Dropout dropout;
  private final Projection classifier;

  /**
   * A head of tokens.
   *
   * @param type its layer's name, and how many outputs it has where they are not labels
   */
  TokenHead(HeadType type, int width, int labels, double dropout, Weights weights) {
    this.dropout = weights.dropout(dropout);
    int outputs = type.outputs() > 0 ? type.outputs() : labels;
    classifier = weights.orNew(type.module()).linear(type.module(), outputs, width);
  }

  /** That of BERT and its descendants, who drop out before labels alone. */
  static TokenHead of(HeadType type, BertEncoder.Config config, Weights weights) {
    double dropout = type.outputs() > 0 ? 0 : config.classifierDropout();
    return new TokenHead(type, config.hiddenSize(), config.numLabels(), dropout, weights);
  }

  /** [B, T, D] to logits [B, T, C]. */
  Tensor forward(Tensor hidden) {
    return classifier.forward(dropout.forward(hidden));
  }
}
