package dev.lorikeet.data;

import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Hides tokens for a masked language model to find (Devlin et al. 2019, arXiv:1810.04805, §3.1): of
 * the tokens that are not special, 15 % are chosen; of these, 80 % become the mask token, 10 % a
 * random token, and 10 % stay. As in the paper's own code the number chosen is rounded and at least
 * one, so that every text teaches something. A random token is never a special one: a departure
 * from that code, which may draw padding.
 *
 * <p>Where words are chosen whole, all tokens of a word are found together (the authors' whole word
 * masking of 2019: for WordPiece a word is a token with the {@code ##} tokens behind it; here it is
 * what the tokenizer calls one, which is the same there and holds for other tokenizers, too). As
 * many words are chosen as fit into the number of tokens.
 *
 * @param maskTokenId what hidden tokens become
 * @param vocabSize random tokens are below it
 * @param specialTokenIds tokens that are neither chosen nor drawn
 * @param chosen the part of the tokens that the model must find, above 0 and at most 1
 * @param masked the part of these that becomes the mask token
 * @param replaced the part of these that becomes a random token
 * @param wholeWords whether the tokens of a word are chosen together
 */
public record MaskedLm(
    int maskTokenId,
    int vocabSize,
    Set<Integer> specialTokenIds,
    double chosen,
    double masked,
    double replaced,
    boolean wholeWords) {
  /** The part of the tokens that the paper has the model find. */
  public static final double PROBABILITY = 0.15;

  /** Tokens are chosen one by one. */
  public MaskedLm(
      int maskTokenId,
      int vocabSize,
      Set<Integer> specialTokenIds,
      double chosen,
      double masked,
      double replaced) {
    this(maskTokenId, vocabSize, specialTokenIds, chosen, masked, replaced, false);
  }

  public MaskedLm {
    specialTokenIds = Set.copyOf(specialTokenIds);
    if (!(chosen > 0 && chosen <= 1)) {
      throw new UsageException("the part of tokens to mask must be in (0, 1], not " + chosen);
    }
    if (!(masked >= 0 && replaced >= 0 && masked + replaced <= 1)) {
      throw new UsageException(
          "the parts masked and replaced must be at least 0 and together at most 1, not "
              + masked
              + " and "
              + replaced);
    }
    if (specialTokenIds.size() >= vocabSize) {
      throw new UsageException(
          "all " + vocabSize + " tokens are special: there is none to draw at random");
    }
  }

  /**
   * The paper's masking, with a tokenizer's mask token.
   *
   * @throws LorikeetException when the tokenizer has none
   */
  public static MaskedLm of(TextTokenizer tokenizer) {
    return of(tokenizer, PROBABILITY, false);
  }

  /**
   * The paper's masking but for the part of the tokens that are chosen, and whether by words.
   *
   * @throws LorikeetException when the tokenizer has no mask token
   */
  public static MaskedLm of(TextTokenizer tokenizer, double probability, boolean wholeWords) {
    Integer mask = tokenizer.maskTokenId();
    if (mask == null) {
      throw new LorikeetException(
          "the tokenizer has no mask token: masked-lm needs a model that was trained with one");
    }
    return new MaskedLm(
        mask,
        tokenizer.vocabSize(),
        tokenizer.specialTokenIds(),
        probability,
        0.8,
        0.1,
        wholeWords);
  }

  /**
   * An example with tokens hidden; its classes are the hidden tokens' ids, and {@link
   * EncodedExample#IGNORED} elsewhere. The same arguments hide the same tokens.
   *
   * @param index the place of the example in the data set
   */
  public EncodedExample mask(EncodedExample example, long seed, int epoch, int index) {
    SplittableRandom random = Seeds.random(seed, epoch, index);
    int[] ids = example.ids().clone();
    long[] classes = new long[ids.length];
    Arrays.fill(classes, EncodedExample.IGNORED);
    for (int place : wholeWords ? chooseWords(example, random) : choose(ids, random)) {
      classes[place] = ids[place];
      ids[place] = hidden(ids[place], random);
    }
    return new EncodedExample(ids, example.typeIds(), classes, example.targets());
  }

  private int[] choose(int[] ids, SplittableRandom random) {
    int[] places =
        IntStream.range(0, ids.length).filter(i -> !specialTokenIds.contains(ids[i])).toArray();
    Seeds.shuffle(places, random);
    return Arrays.copyOf(places, Math.min(count(places.length), places.length));
  }

  private int count(int tokens) {
    return Math.max(1, (int) Math.round(chosen * tokens));
  }

  /** Words in a random order, without those that are too long for what is left to choose. */
  private int[] chooseWords(EncodedExample example, SplittableRandom random) {
    List<int[]> words = words(example);
    int[] order = IntStream.range(0, words.size()).toArray();
    Seeds.shuffle(order, random);
    int left = count(words.stream().mapToInt(word -> word.length).sum());
    IntStream.Builder places = IntStream.builder();
    boolean none = true;
    for (int i : order) {
      int[] word = words.get(i);
      if (word.length <= left) {
        left -= word.length;
        none = false;
        Arrays.stream(word).forEach(places::add);
      }
    }
    if (none && order.length > 0) {
      return words.get(order[0]);
    }
    return places.build().toArray();
  }

  /** The places of each word's tokens. */
  private List<int[]> words(EncodedExample example) {
    List<int[]> words = new ArrayList<>();
    int start = 0;
    for (int end = 1; end <= example.length(); end++) {
      if (end < example.length() && example.isSameWord(end - 1, end)) {
        continue;
      }
      if (!specialTokenIds.contains(example.ids()[start])) {
        words.add(IntStream.range(start, end).toArray());
      }
      start = end;
    }
    return words;
  }

  private int hidden(int id, SplittableRandom random) {
    double draw = random.nextDouble();
    if (draw < masked) {
      return maskTokenId;
    }
    return draw < masked + replaced ? randomToken(random) : id;
  }

  private int randomToken(SplittableRandom random) {
    int id = random.nextInt(vocabSize);
    while (specialTokenIds.contains(id)) {
      id = random.nextInt(vocabSize);
    }
    return id;
  }
}
