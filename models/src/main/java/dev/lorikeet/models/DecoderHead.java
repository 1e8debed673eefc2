package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What a decoder answers of its last hidden state.
 *
 * <p>Axes: B batch, T tokens, D width of the model, V vocabulary, C classes.
 */
interface DecoderHead {
  /**
   * The states that it reads.
   *
   * @param hidden [B, T, D]; with a soft prompt's tokens in front where the input has one
   */
  Tensor reads(ModelInput input, Tensor hidden);

  /** The answers of states [..., D]. */
  Tensor scores(Tensor states);

  /**
   * The head for a task.
   *
   * @param words the word embeddings, which serve as the output weights where they are tied
   */
  static DecoderHead of(
      @Nullable Task task, ModelConfig json, Weights weights, EmbeddingSlot words) {
    if (task == null) {
      return new States();
    }
    return switch (task) {
      case CAUSAL_LM -> new NextToken(weights.output("lm_head", words.weight(), null));
      case SEQUENCE_CLASSIFICATION -> LastToken.of(json, weights, words.weight().value().size(1));
      default -> throw new IllegalStateException("no head for " + task);
    };
  }

  /** No head: the states themselves. */
  record States() implements DecoderHead {
    @Override
    public Tensor reads(ModelInput input, Tensor hidden) {
      return hidden;
    }

    @Override
    public Tensor scores(Tensor states) {
      return states;
    }
  }

  /** The scores of all words as the next one, [B, n, V], of the n tokens that are asked for. */
  record NextToken(Projection lmHead) implements DecoderHead {
    @Override
    public Tensor reads(ModelInput input, Tensor hidden) {
      return input.keep(hidden);
    }

    @Override
    public Tensor scores(Tensor states) {
      return lmHead.forward(states);
    }
  }

  /**
   * The classes' scores of the last token of each row that is not padding, [B, C]: the only one
   * that has seen the whole text. As in transformers, tokens are padding by their id, {@code
   * pad_token_id}, whatever the attention mask says.
   */
  record LastToken(Projection score, @Nullable Integer padTokenId, String place)
      implements DecoderHead {
    static LastToken of(ModelConfig json, Weights weights, long width) {
      Projection score = weights.orNew("score").linear("score", json.labelCount(), width, false);
      Integer padTokenId = json.has("pad_token_id") ? json.integer("pad_token_id") : null;
      return new LastToken(score, padTokenId, json.place());
    }

    @Override
    public Tensor reads(ModelInput input, Tensor hidden) {
      long rows = hidden.size(0);
      long length = hidden.size(1);
      Tensor last = last(input.inputIds()).add(all(length - input.inputIds().size(1), hidden));
      Tensor rowStarts = Tensor.arange(0, rows, hidden.device()).mul(all(length, hidden)); // [B]
      Tensor flat = hidden.reshape(rows * length, hidden.size(2));
      return flat.index(0, rowStarts.add(last)); // [B, D]
    }

    @Override
    public Tensor scores(Tensor states) {
      return score.forward(states);
    }

    /** The index of each row's last token that is not padding, [B]. */
    private Tensor last(Tensor ids) {
      if (padTokenId != null) {
        Tensor index = Tensor.arange(0, ids.size(1), ids.device()); // [T]
        return Ops.where(ids.eq(padTokenId), all(0, ids), index).argmax(-1);
      }
      if (ids.size(0) > 1) {
        throw new LorikeetException(
            place
                + " has no pad_token_id, by which a classifier finds the ends of several texts: set"
                + " it to the tokenizer's padding token");
      }
      return all(ids.size(1) - 1, ids);
    }

    private static Tensor all(long value, Tensor beside) {
      return Tensor.of(new long[] {value}, 1).to(beside.device());
    }
  }
}
