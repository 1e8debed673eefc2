package dev.lorikeet.training;

import dev.lorikeet.data.MaskedLm;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.UsageException;

/**
 * What a masked language model has to find.
 *
 * @param mlmProbability the part of the tokens, above 0 and at most 1
 * @param wholeWordMask whether the tokens of a word are chosen together
 */
public record MaskingConfig(double mlmProbability, boolean wholeWordMask) {
  /** Tokens one by one, as many as BERT's. */
  public static final MaskingConfig DEFAULT = new MaskingConfig(MaskedLm.PROBABILITY, false);

  public MaskingConfig {
    if (!(mlmProbability > 0 && mlmProbability <= 1)) {
      throw new UsageException(
          "mlm_probability is " + mlmProbability + ": it must be above 0 and at most 1");
    }
  }

  /** What hides tokens so, with a tokenizer's mask. */
  public MaskedLm of(TextTokenizer tokenizer) {
    return MaskedLm.of(tokenizer, mlmProbability, wholeWordMask);
  }
}
