package dev.lorikeet.compare;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What a masked language model puts in the place of one mask.
 *
 * @param position of the mask among the text's tokens, special ones included
 * @param candidates the likeliest tokens, likeliest first
 */
public record MaskFill(int position, List<Candidate> candidates) {
  /**
   * One token for a mask.
   *
   * @param token its text
   * @param score its probability: the softmax over the vocabulary
   */
  public record Candidate(String token, int id, double score) {}

  /**
   * The answers to a text, one a mask.
   *
   * @param logits [T × V], row-major
   * @throws LorikeetException when there is no mask, or one was cut off
   */
  static List<MaskFill> of(
      Example example,
      EncodedExample encoded,
      float[] logits,
      int topK,
      TextTokenizer tokenizer,
      int maxLength) {
    List<MaskFill> fills = new ArrayList<>();
    Integer mask = tokenizer.maskTokenId();
    int vocabulary = logits.length / Math.max(1, encoded.length());
    for (int token = 0; token < encoded.length(); token++) {
      if (mask != null && encoded.ids()[token] == mask) {
        fills.add(
            new MaskFill(token, best(logits, token * vocabulary, vocabulary, topK, tokenizer)));
      }
    }
    mustHaveAllMasks(example, encoded, tokenizer, maxLength);
    return fills;
  }

  /**
   * Checks that a text has a mask, and none that was cut off.
   *
   * @throws LorikeetException when it has not
   */
  static void mustHaveAllMasks(
      Example example, EncodedExample encoded, TextTokenizer tokenizer, int maxLength) {
    Integer id = tokenizer.maskTokenId();
    String mask = id == null ? null : tokenizer.token(id);
    long found = id == null ? 0 : IntStream.of(encoded.ids()).filter(each -> each == id).count();
    if (found == 0) {
      throw new LorikeetException(
          "\""
              + example.text()
              + "\" has no mask in its first "
              + maxLength
              + " tokens: write "
              + (mask == null ? "one" : mask)
              + " where a word is to be found");
    }
    int written = count(example.text(), mask) + count(example.textPair(), mask);
    if (found < written) {
      throw new LorikeetException(
          "\""
              + example.text()
              + "\" has "
              + written
              + " masks, and only "
              + found
              + " in its first "
              + maxLength
              + " tokens: raise --max-length");
    }
  }

  private static int count(@Nullable String text, @Nullable String mask) {
    return text == null || mask == null
        ? 0
        : (int) Pattern.compile(Pattern.quote(mask)).matcher(text).results().count();
  }

  private static List<Candidate> best(
      float[] logits, int start, int size, int topK, TextTokenizer tokenizer) {
    // Of equal logits the smaller id comes first, as argmax has it.
    Comparator<Integer> worstFirst =
        Comparator.<Integer>comparingDouble(id -> logits[start + id])
            .thenComparing(Comparator.reverseOrder());
    PriorityQueue<Integer> best = new PriorityQueue<>(worstFirst);
    for (int id = 0; id < size; id++) {
      best.add(id);
      if (best.size() > topK) {
        best.remove();
      }
    }
    List<Candidate> candidates = new ArrayList<>();
    while (!best.isEmpty()) {
      int id = best.remove();
      double score = Predictions.softmax(logits, start, size, id);
      candidates.add(0, new Candidate(text(id, tokenizer), id, score));
    }
    return candidates;
  }

  /**
   * As it reads in a text; special tokens, of which texts have none, as the vocabulary has them.
   */
  private static String text(int id, TextTokenizer tokenizer) {
    String text = tokenizer.decode(new int[] {id}).strip();
    return text.isEmpty() && id < tokenizer.vocabSize() ? tokenizer.token(id) : text;
  }
}
