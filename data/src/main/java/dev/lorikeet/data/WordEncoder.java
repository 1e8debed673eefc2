package dev.lorikeet.data;

import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.TextTokenizer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Words with a class each. The first token of a word carries the word's class; the others, and
 * special tokens, are ignored (Devlin et al. 2019, arXiv:1810.04805, §5.3).
 */
public final class WordEncoder extends TextEncoder {
  private final @Nullable Labels labels;

  /**
   * An encoder.
   *
   * @param labels those that have ids; null for examples without labels
   * @param maxLength in tokens, special ones included; what is longer is cut
   */
  public WordEncoder(TextTokenizer tokenizer, @Nullable Labels labels, int maxLength) {
    super(tokenizer, maxLength);
    this.labels = labels;
  }

  @Override
  protected List<Encoding> tokenize(List<Example> examples, int maximum) {
    return examples.stream()
        .map(example -> tokenizer().encodeWords(words(example), maximum))
        .toList();
  }

  private static List<String> words(Example example) {
    if (example.words().isEmpty()) {
      throw new IllegalArgumentException("an example without words: make it by Example.ofWords");
    }
    return example.words();
  }

  @Override
  protected int labelsCutOff(Example example, Encoding whole, Encoding cut) {
    return example.labels().isEmpty() ? 0 : words(whole) - words(cut);
  }

  private static int words(Encoding encoding) {
    return (int) Arrays.stream(encoding.wordIds()).filter(word -> word >= 0).distinct().count();
  }

  @Override
  protected EncodedExample encode(Example example, Encoding encoding) {
    int[] wordIds = encoding.wordIds();
    long[] classes = ignored(wordIds.length);
    int word = -1;
    for (int i = 0; i < wordIds.length && !example.labels().isEmpty(); i++) {
      if (wordIds[i] >= 0 && wordIds[i] != word) {
        word = wordIds[i];
        classes[i] = Labels.given(labels).id(example.labels().get(word));
      }
    }
    return encoded(encoding, classes, NO_TARGETS);
  }
}
