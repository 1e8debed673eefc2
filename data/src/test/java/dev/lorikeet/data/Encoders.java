package dev.lorikeet.data;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import org.jspecify.annotations.Nullable;

/** The encoders of what models with a kind of head learn from. */
final class Encoders {
  private Encoders() {}

  static ExampleEncoder of(
      TextTokenizer tokenizer,
      @Nullable Labels labels,
      HeadType head,
      ProblemType type,
      int maxLength) {
    return of(tokenizer, labels, head, type, maxLength, TrainOn.ASSISTANT);
  }

  static ExampleEncoder of(
      TextTokenizer tokenizer,
      @Nullable Labels labels,
      HeadType head,
      ProblemType type,
      int maxLength,
      TrainOn trainOn) {
    return switch (head.reads()) {
      case TEXT -> new SequenceEncoder(tokenizer, labels, type, maxLength);
      case TOKENS -> new WordEncoder(tokenizer, labels, maxLength);
      case MASKED_TOKENS -> new PlainEncoder(tokenizer, maxLength);
      case TOKENS_BEFORE -> new DocumentEncoder(tokenizer, maxLength, trainOn);
      case DECODER -> new TargetEncoder(tokenizer, maxLength, trainOn);
    };
  }
}
