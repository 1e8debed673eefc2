package dev.lorikeet.models;

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
      @Nullable HeadType type, ModelConfig json, Weights weights, EmbeddingSlot words) {
    if (type == null) {
      return new States();
    }
    return switch (type.reads()) {
      case TOKENS_BEFORE -> new NextToken(weights.output("lm_head", words.weight(), null));
      case TEXT -> LastToken.of(json, weights, words.weight().value().size(1));
      default -> throw new IllegalStateException("no head for " + type);
    };
  }

  /** The head's modules for a task. */
  static HeadModules modules(HeadType type) {
    return switch (type.reads()) {
      case TOKENS_BEFORE -> HeadModules.of("lm_head");
      case TEXT -> HeadModules.of("score");
      default -> throw new IllegalStateException("no head for " + type);
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
   * pad_token_id}, whatever the attention mask says; where config.json has no such id, by the mask,
   * which transformers does not do.
   */
  record LastToken(Projection score, @Nullable Integer padTokenId) implements DecoderHead {
    static LastToken of(ModelConfig json, Weights weights, long width) {
      Projection score = weights.orNew("score").linear("score", json.labelCount(), width, false);
      Integer padTokenId = json.has("pad_token_id") ? json.integer("pad_token_id") : null;
      return new LastToken(score, padTokenId);
    }

    @Override
    public Tensor reads(ModelInput input, Tensor hidden) {
      long rows = hidden.size(0);
      long length = hidden.size(1);
      Tensor last = last(input).add(all(length - input.inputIds().size(1), hidden));
      Tensor rowStarts = Tensor.arange(0, rows, hidden.device()).mul(all(length, hidden)); // [B]
      Tensor flat = hidden.reshape(rows * length, hidden.size(2));
      return flat.index(0, rowStarts.add(last)); // [B, D]
    }

    @Override
    public Tensor scores(Tensor states) {
      return score.forward(states);
    }

    /** The index of each row's last token that is not padding, [B] or [1]. */
    private Tensor last(ModelInput input) {
      Tensor ids = input.inputIds();
      Tensor padding = padding(input); // [B, T]
      return padding == null
          ? all(ids.size(1) - 1, ids)
          : Ops.where(padding, all(0, ids), Tensor.arange(0, ids.size(1), ids.device())).argmax(-1);
    }

    private @Nullable Tensor padding(ModelInput input) {
      if (padTokenId != null) {
        return input.inputIds().eq(padTokenId);
      }
      Tensor mask = input.attentionMask(); // of virtual tokens, too
      long tokens = input.inputIds().size(1);
      return mask == null ? null : mask.narrow(1, mask.size(1) - tokens, tokens).eq(0);
    }

    private static Tensor all(long value, Tensor beside) {
      return Tensor.of(new long[] {value}, 1).to(beside.device());
    }
  }
}
