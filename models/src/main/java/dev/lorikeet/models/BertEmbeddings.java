package dev.lorikeet.models;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;

/**
 * What the first layer of BERT and its descendants reads: the sum of a token's word, place and
 * text, normed.
 *
 * <p>Axes: B batch, T tokens, with those of a soft prompt, E width of the embeddings.
 */
final class BertEmbeddings {
  private final EmbeddingSlot words;
  private final EmbeddingSlot positions;
  private final EmbeddingSlot types;
  private final LayerNorm norm;
  private final Dropout dropout;
  private final boolean oneType;

  /**
   * The tables at {@code weights}.
   *
   * @param width E
   */
  BertEmbeddings(BertEncoder.Config config, int width, Weights weights) {
    words = weights.embedding("word_embeddings", config.vocabSize(), width);
    positions = weights.embedding("position_embeddings", config.maxPositionEmbeddings(), width);
    types = weights.embedding("token_type_embeddings", config.typeVocabSize(), width);
    norm = weights.layerNorm("LayerNorm", width, config.layerNormEps());
    dropout = weights.dropout(config.hiddenDropoutProb());
    oneType = config.typeVocabSize() == 1;
  }

  /** [B, T, E]. */
  Tensor forward(ModelInput input) {
    return Scope.tidy(
        () -> {
          Tensor word = input.prepend(words.forward(input.inputIds())); // [B, T, E]
          Tensor sum = word.add(type(input)).add(positions.forward(input.places(word.size(1))));
          return dropout.forward(norm.forward(sum));
        });
  }

  /** Of the text that each token is of; where all count as of the first, of that, [1, E]. */
  private Tensor type(ModelInput input) {
    Tensor ids = oneType ? null : input.tokenTypeIds();
    return types.forward(ids == null ? Tensor.arange(0, 1, input.inputIds().device()) : ids);
  }

  /** The words' vectors [V, E]. */
  Parameter wordTable() {
    return words.weight();
  }
}
