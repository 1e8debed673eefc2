package dev.lorikeet.data;

import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Changes texts a little in each epoch: words are left out, change places, and tokens are masked
 * (Wei and Zou 2019, arXiv:1901.11196, §2, whose random deletion and random swap these are). A word
 * is all the tokens that it was split into, and takes its labels along; special tokens stay where
 * they are, and each text keeps a word at least. The same seed changes the same words.
 *
 * @param maskTokenId what masked tokens become
 * @param specialTokenIds the tokens that never change, where an example does not know its words
 */
public record Augmentation(Rates rates, int maskTokenId, Set<Integer> specialTokenIds) {
  /** Texts as they are. */
  public static final Rates NONE = new Rates(0, 0, 0);

  /** How much is changed. */
  @Setting.Group("Regularization")
  public record Rates(
      @Setting(
              value = "The probability with which a word is left out, others in each epoch.",
              label = "P")
          @Setting.Range(atLeast = 0, below = 1)
          double wordDropout,
      @Setting(
              value =
                  "Pairs of words that change places, as a part of a text's words; one at least.",
              label = "P")
          @Setting.Range(atLeast = 0, below = 1)
          double wordSwap,
      @Setting(value = "The probability with which a token becomes the mask token.", label = "P")
          @Setting.Range(atLeast = 0, below = 1)
          double tokenMasking) {
    public Rates {
      Bounds.check(Rates.class, wordDropout, wordSwap, tokenMasking);
    }
  }

  public Augmentation {
    specialTokenIds = Set.copyOf(specialTokenIds);
  }

  /**
   * Changes by a tokenizer's own tokens.
   *
   * @throws LorikeetException when tokens are to be masked and the tokenizer has no mask token
   */
  public static Augmentation of(Rates rates, TextTokenizer tokenizer) {
    Integer mask = tokenizer.maskTokenId();
    if (mask == null && rates.tokenMasking > 0) {
      throw new LorikeetException(
          "token_masking is "
              + rates.tokenMasking
              + ", and the tokenizer has no mask token: use word_dropout instead");
    }
    return new Augmentation(rates, mask == null ? -1 : mask, tokenizer.specialTokenIds());
  }

  /**
   * An example with some words left out, swapped or masked.
   *
   * @param index the place of the example in the data set
   */
  public EncodedExample augment(EncodedExample example, long seed, int epoch, int index) {
    SplittableRandom random = Seeds.random(seed, epoch, index, 1);
    List<int[]> places = new ArrayList<>();
    for (List<int[]> text : texts(example)) {
      places.addAll(swapped(kept(text, random), random));
    }
    int[] order = places.stream().flatMapToInt(Arrays::stream).toArray();
    return masked(picked(example, order), random);
  }

  /** The places of each word's tokens, by text; special tokens lie between texts, as one each. */
  private List<List<int[]>> texts(EncodedExample example) {
    List<List<int[]>> texts = new ArrayList<>();
    List<int[]> words = new ArrayList<>();
    int start = 0;
    for (int end = 1; end <= example.length(); end++) {
      if (end < example.length() && example.isSameWord(end - 1, end)) {
        continue;
      }
      int[] word = IntStream.range(start, end).toArray();
      start = end;
      if (isSpecial(example, end - 1)) {
        texts.add(words);
        texts.add(List.of(word));
        words = new ArrayList<>();
      } else {
        words.add(word);
      }
    }
    texts.add(words);
    return texts;
  }

  private boolean isSpecial(EncodedExample example, int place) {
    return example.wordIds().length > 0
        ? example.wordIds()[place] < 0
        : specialTokenIds.contains(example.ids()[place]);
  }

  private List<int[]> kept(List<int[]> words, SplittableRandom random) {
    if (words.size() < 2 || rates.wordDropout == 0) {
      return words;
    }
    int last = random.nextInt(words.size());
    List<int[]> kept = new ArrayList<>();
    words.forEach(
        word -> {
          if (random.nextDouble() >= rates.wordDropout) {
            kept.add(word);
          }
        });
    return kept.isEmpty() ? List.of(words.get(last)) : kept;
  }

  private List<int[]> swapped(List<int[]> words, SplittableRandom random) {
    if (words.size() < 2 || rates.wordSwap == 0) {
      return words;
    }
    List<int[]> swapped = new ArrayList<>(words);
    long pairs = Math.max(1, Math.round(rates.wordSwap * words.size()));
    for (int pair = 0; pair < pairs; pair++) {
      int a = random.nextInt(words.size());
      int b = (a + 1 + random.nextInt(words.size() - 1)) % words.size();
      int[] word = swapped.get(a);
      swapped.set(a, swapped.get(b));
      swapped.set(b, word);
    }
    return swapped;
  }

  private static EncodedExample picked(EncodedExample example, int[] order) {
    boolean ofTokens = example.classes().length == example.length();
    return new EncodedExample(
        pick(example.ids(), order),
        pick(example.typeIds(), order),
        ofTokens
            ? Arrays.stream(order).mapToLong(place -> example.classes()[place]).toArray()
            : example.classes(),
        example.targets(),
        example.wordIds().length == 0 ? example.wordIds() : pick(example.wordIds(), order));
  }

  private static int[] pick(int[] values, int[] order) {
    return Arrays.stream(order).map(place -> values[place]).toArray();
  }

  private EncodedExample masked(EncodedExample example, SplittableRandom random) {
    for (int i = 0; i < example.length() && rates.tokenMasking > 0; i++) {
      if (!isSpecial(example, i) && random.nextDouble() < rates.tokenMasking) {
        example.ids()[i] = maskTokenId;
      }
    }
    return example;
  }
}
