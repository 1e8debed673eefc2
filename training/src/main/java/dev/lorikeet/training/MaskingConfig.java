package dev.lorikeet.training;

import dev.lorikeet.data.MaskedLm;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;

/** What a masked language model has to find. */
@Setting.Group("Speed and memory")
public record MaskingConfig(
    @Setting(value = "For masked-lm: the part of the tokens to find.", label = "P")
        @Setting.Range(above = 0, atMost = 1)
        double mlmProbability,
    @Setting("For masked-lm: mask whole words.") boolean wholeWordMask) {
  /** Tokens one by one, as many as BERT's. */
  public static final MaskingConfig DEFAULT = new MaskingConfig(MaskedLm.PROBABILITY, false);

  public MaskingConfig {
    Bounds.check(MaskingConfig.class, mlmProbability, wholeWordMask);
  }

  /** What hides tokens so, with a tokenizer's mask. */
  public MaskedLm of(TextTokenizer tokenizer) {
    return MaskedLm.of(tokenizer, mlmProbability, wholeWordMask);
  }
}
