package dev.lorikeet.data;

import dev.lorikeet.models.TextTokenizer;
import java.util.List;

/** Texts with their targets, whose tokens are the labels. */
public final class TargetEncoder implements ExampleEncoder {
  private final LanguageModelEncoder encoder;
  private Truncated truncated = Truncated.NOTHING;

  /**
   * An encoder.
   *
   * @param maxLength of a text and of a target, in tokens, special ones included; what is longer is
   *     cut
   */
  public TargetEncoder(TextTokenizer tokenizer, int maxLength, TrainOn trainOn) {
    encoder = new LanguageModelEncoder(tokenizer, maxLength, trainOn);
  }

  @Override
  public Truncated truncated() {
    return truncated;
  }

  @Override
  public List<EncodedExample> encode(List<Example> examples) {
    List<LanguageModelEncoder.Cut> rows = examples.stream().map(encoder::translation).toList();
    rows.forEach(row -> truncated = truncated.plus(row.truncated()));
    return rows.stream().map(LanguageModelEncoder.Cut::example).toList();
  }
}
