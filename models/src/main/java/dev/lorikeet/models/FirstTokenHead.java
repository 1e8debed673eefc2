package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.function.UnaryOperator;

/**
 * A text's classes from its first token: dense, activation, dense (Devlin et al. 2019,
 * arXiv:1810.04805, §3 and §4.1).
 *
 * @param before dropout of the token's state
 * @param dense [D] to [D]
 * @param after dropout of what the activation gives
 * @param classifier [D] to [C]
 */
record FirstTokenHead(
    Dropout before,
    Projection dense,
    UnaryOperator<Tensor> activation,
    Dropout after,
    Projection classifier) {
  /** RoBERTa's and ELECTRA's: {@code classifier.dense} and {@code classifier.out_proj}. */
  static FirstTokenHead of(
      BertEncoder.Config config, UnaryOperator<Tensor> activation, Weights weights) {
    int width = config.hiddenSize();
    Weights head = weights.at("classifier").orNew("classifier");
    Dropout dropout = weights.dropout(config.classifierDropout());
    return new FirstTokenHead(
        dropout,
        head.linear("dense", width, width),
        activation,
        dropout,
        head.linear("out_proj", config.numLabels(), width));
  }

  /** The first token's state [B, D] to logits [B, C]. */
  Tensor forward(Tensor first) {
    Tensor h = activation.apply(dense.forward(before.forward(first)));
    return classifier.forward(after.forward(h));
  }
}
