package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;

/** What of a text's last hidden states is its embedding (Reimers et al. 2019, arXiv:1908.10084). */
public enum Pooling {
  /** The mean over all tokens. */
  MEAN {
    @Override
    Tensor of(Tensor features, Batch batch) {
      Tensor shares = shares(batch, (int) features.size(1)).to(features.device());
      return shares.matmul(features.to(DType.FLOAT32)).squeeze(1).to(features.dtype());
    }
  },
  /** That of the first token. */
  CLS {
    @Override
    Tensor of(Tensor features, Batch batch) {
      return features.select(1, features.size(1) - batch.length());
    }
  };

  /**
   * Pools.
   *
   * @param features [B, T, D]; those of a soft prompt, if there is one, stand first
   * @return [B, D], in the features' type
   */
  abstract Tensor of(Tensor features, Batch batch);

  /**
   * One over the number of tokens for each of them, and 0 for padding, [B, 1, T], float32.
   *
   * @param length T; positions of a soft prompt count as tokens
   */
  private static Tensor shares(Batch batch, int length) {
    int virtual = length - batch.length();
    float[] shares = new float[batch.rows() * length];
    for (int row = 0; row < batch.rows(); row++) {
      int from = row * batch.length();
      int tokens = virtual;
      for (int i = 0; i < batch.length(); i++) {
        tokens += (int) batch.attentionMask()[from + i];
      }
      for (int i = 0; i < length; i++) {
        boolean counts = i < virtual || batch.attentionMask()[from + i - virtual] == 1;
        shares[row * length + i] = counts ? 1f / tokens : 0;
      }
    }
    return Tensor.of(shares, batch.rows(), 1, length);
  }
}
