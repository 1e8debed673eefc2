package dev.lorikeet.data;

import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
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
 * @param maskTokenId what hidden tokens become
 * @param vocabSize random tokens are below it
 * @param specialTokenIds tokens that are neither chosen nor drawn
 * @param chosen the part of the tokens that the model must find, above 0 and at most 1
 * @param masked the part of these that becomes the mask token
 * @param replaced the part of these that becomes a random token
 */
public record MaskedLm(
    int maskTokenId,
    int vocabSize,
    Set<Integer> specialTokenIds,
    double chosen,
    double masked,
    double replaced) {

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
    Integer mask = tokenizer.maskTokenId();
    if (mask == null) {
      throw new LorikeetException(
          "the tokenizer has no mask token: masked-lm needs a model that was trained with one");
    }
    return new MaskedLm(mask, tokenizer.vocabSize(), tokenizer.specialTokenIds(), 0.15, 0.8, 0.1);
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
    for (int place : choose(ids, random)) {
      classes[place] = ids[place];
      ids[place] = hidden(ids[place], random);
    }
    return new EncodedExample(ids, example.typeIds(), classes, example.targets());
  }

  private int[] choose(int[] ids, SplittableRandom random) {
    int[] places =
        IntStream.range(0, ids.length).filter(i -> !specialTokenIds.contains(ids[i])).toArray();
    Seeds.shuffle(places, random);
    int count = Math.max(1, (int) Math.round(chosen * places.length));
    return Arrays.copyOf(places, Math.min(count, places.length));
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
