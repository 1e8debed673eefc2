package dev.lorikeet.data;

import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.TextTokenizer;

/** Texts, or pairs of texts, whose tokens are to be hidden: no label counts yet. */
public final class PlainEncoder extends TextEncoder {
  /**
   * An encoder.
   *
   * @param maxLength in tokens, special ones included; what is longer is cut
   */
  public PlainEncoder(TextTokenizer tokenizer, int maxLength) {
    super(tokenizer, maxLength);
  }

  @Override
  protected EncodedExample encode(Example example, Encoding encoding) {
    mustHaveTokens(example, encoding);
    return encoded(encoding, ignored(encoding.length()), NO_TARGETS);
  }
}
