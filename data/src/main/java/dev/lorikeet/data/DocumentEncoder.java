package dev.lorikeet.data;

import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.List;

/** Documents, prompts with their completions, and chats, whose labels are the tokens themselves. */
public final class DocumentEncoder implements ExampleEncoder {
  private final LanguageModelEncoder encoder;
  private final int maxLength;
  private Truncated truncated = Truncated.NOTHING;
  private int silent;

  /**
   * An encoder.
   *
   * @param maxLength in tokens, special ones included; what is longer is cut
   * @param trainOn which tokens of chats and of prompts with completions are learned
   */
  public DocumentEncoder(TextTokenizer tokenizer, int maxLength, TrainOn trainOn) {
    encoder = new LanguageModelEncoder(tokenizer, maxLength, trainOn);
    this.maxLength = maxLength;
  }

  @Override
  public Truncated truncated() {
    return truncated;
  }

  /**
   * How many of the examples encoded so far had no token to learn and were left out: the maximal
   * length cut off what the assistant says, or it says nothing.
   */
  @Override
  public int silent() {
    return silent;
  }

  /**
   * Encodes examples, in their order; those without a token to learn are left out.
   *
   * @throws LorikeetException when the chat template refuses a chat, or no example has a token to
   *     learn
   */
  @Override
  public List<EncodedExample> encode(List<Example> examples) {
    List<EncodedExample> encoded = new ArrayList<>(examples.size());
    for (int i = 0; i < examples.size(); i++) {
      LanguageModelEncoder.Full full = full(examples.get(i), i);
      EncodedExample example = encoder.cut(full);
      truncated = truncated.plus(encoder.cutOff(full));
      if (LanguageModelEncoder.teaches(example)) {
        encoded.add(example);
      }
    }
    silent += examples.size() - encoded.size();
    if (encoded.isEmpty() && !examples.isEmpty()) {
      throw new LorikeetException(
          "none of the "
              + examples.size()
              + " examples has a token to learn in its first "
              + maxLength
              + ": raise max_length, or look whether the assistant says anything");
    }
    return encoded;
  }

  private LanguageModelEncoder.Full full(Example example, int place) {
    try {
      return encoder.causal(example);
    } catch (LorikeetException e) {
      throw new LorikeetException("example " + (place + 1) + ": " + e.getMessage(), e);
    }
  }
}
