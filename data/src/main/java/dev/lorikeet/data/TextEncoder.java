package dev.lorikeet.data;

import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Turns examples into token ids, cut to a length, and leaves to others what becomes of their
 * labels.
 */
public abstract class TextEncoder implements ExampleEncoder {
  /** What has no classes. */
  protected static final long[] NO_CLASSES = {};

  /** What has no targets. */
  protected static final float[] NO_TARGETS = {};

  /** How many texts go to the tokenizer at once. */
  private static final int CHUNK = 4096;

  private final TextTokenizer tokenizer;
  private final int maxLength;
  private Truncated truncated = Truncated.NOTHING;

  /**
   * An encoder.
   *
   * @param maxLength in tokens, special ones included; what is longer is cut
   */
  protected TextEncoder(TextTokenizer tokenizer, int maxLength) {
    this.tokenizer = tokenizer;
    this.maxLength = maxLength;
  }

  /** What turns texts into tokens. */
  protected final TextTokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * An example whose text has become tokens.
   *
   * @throws LorikeetException when its labels are none for the task
   */
  protected abstract EncodedExample encode(Example example, Encoding encoding);

  /** The tokens of some examples' texts, which are single or pairs. */
  protected List<Encoding> tokenize(List<Example> examples, int maximum) {
    List<String> texts = examples.stream().map(TextEncoder::text).toList();
    List<String> pairs = examples.stream().map(Example::textPair).filter(Objects::nonNull).toList();
    if (!pairs.isEmpty() && pairs.size() != texts.size()) {
      throw new IllegalArgumentException("single texts and pairs in one data set");
    }
    return tokenizer.encodeAll(texts, pairs.isEmpty() ? null : pairs, maximum);
  }

  /** How many labels were cut off with the end of a text. */
  protected int labelsCutOff(Example example, Encoding whole, Encoding cut) {
    return 0;
  }

  @Override
  public final Truncated truncated() {
    return truncated;
  }

  /**
   * Encodes examples, in their order.
   *
   * @throws LorikeetException when a label is unknown or none for the task, or a text has no tokens
   * @throws dev.lorikeet.torch.UsageException when the maximal length has no room for a text
   */
  @Override
  public final List<EncodedExample> encode(List<Example> examples) {
    List<EncodedExample> encoded = new ArrayList<>(examples.size());
    for (int start = 0; start < examples.size(); start += CHUNK) {
      List<Example> chunk = examples.subList(start, Math.min(start + CHUNK, examples.size()));
      List<Encoding> encodings = tokenize(chunk, maxLength);
      countTruncated(chunk, encodings);
      for (int i = 0; i < chunk.size(); i++) {
        encoded.add(encode(chunk.get(i), encodings.get(i)));
      }
    }
    return encoded;
  }

  private static String text(Example example) {
    if (example.image() != null) {
      throw new IllegalArgumentException("an image for a model that reads texts: " + example);
    }
    return example.text();
  }

  /** A text that fills the length may just fit: without a limit it shows. */
  private void countTruncated(List<Example> examples, List<Encoding> encodings) {
    List<Integer> full =
        IntStream.range(0, examples.size())
            .filter(i -> encodings.get(i).length() == maxLength)
            .boxed()
            .toList();
    if (full.isEmpty()) {
      return;
    }
    List<Encoding> whole = tokenize(full.stream().map(examples::get).toList(), Integer.MAX_VALUE);
    for (int i = 0; i < whole.size(); i++) {
      if (whole.get(i).length() > maxLength) {
        int place = full.get(i);
        int cut = labelsCutOff(examples.get(place), whole.get(i), encodings.get(place));
        truncated = truncated.plus(new Truncated(1, cut));
      }
    }
  }

  /**
   * Refuses a text without tokens.
   *
   * @throws LorikeetException naming it
   */
  protected static void mustHaveTokens(Example example, Encoding encoding) {
    if (encoding.length() == 0) {
      throw new LorikeetException(
          "\""
              + Printable.message(example.text())
              + "\" has no tokens: the tokenizer makes none of it");
    }
  }

  /** A text's tokens with its labels. */
  protected static EncodedExample encoded(Encoding encoding, long[] classes, float[] targets) {
    return new EncodedExample(
        encoding.ids(), encoding.typeIds(), classes, targets, encoding.wordIds());
  }

  /** As many labels as tokens, none of which counts. */
  protected static long[] ignored(int tokens) {
    long[] classes = new long[tokens];
    Arrays.fill(classes, EncodedExample.IGNORED);
    return classes;
  }
}
