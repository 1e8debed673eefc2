package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;

/** Each token's classes: a linear map, which checkpoints call {@code classifier}. */
final class TokenHead {
  private final Dropout dropout;
  private final Projection classifier;

  TokenHead(int width, int labels, double dropout, Weights weights) {
    this.dropout = weights.dropout(dropout);
    classifier = weights.orNew("classifier").linear("classifier", labels, width);
  }

  /** That of BERT and its descendants. */
  static TokenHead of(BertEncoder.Config config, Weights weights) {
    return new TokenHead(
        config.hiddenSize(), config.numLabels(), config.classifierDropout(), weights);
  }

  /** [B, T, D] to logits [B, T, C]. */
  Tensor forward(Tensor hidden) {
    return classifier.forward(dropout.forward(hidden));
  }
}
