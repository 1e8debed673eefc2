package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AugmentationTest {
  private static final int CLS = 1;
  private static final int SEP = 2;
  private static final int MASK = 4;
  private static final Set<Integer> SPECIAL = Set.of(0, CLS, SEP, MASK);

  /** Words of one, two and three tokens: the tens are the word, the ones its piece. */
  private static final EncodedExample TAGGED =
      new EncodedExample(
          new int[] {CLS, 10, 20, 21, 30, 31, 32, 40, SEP},
          new int[9],
          new long[] {-100, 5, 6, -100, 7, -100, -100, 8, -100},
          new float[0],
          new int[] {-1, 0, 1, 1, 2, 2, 2, 3, -1});

  private static Augmentation with(double dropout, double swap, double masking) {
    return new Augmentation(new Augmentation.Rates(dropout, swap, masking), MASK, SPECIAL);
  }

  private static List<Integer> ids(EncodedExample example) {
    return Arrays.stream(example.ids()).boxed().toList();
  }

  /** The class that belongs to a token: of a word's first piece. */
  private static long classOf(int id) {
    return id >= 10 && id % 10 == 0 ? id / 10 + 4 : EncodedExample.IGNORED;
  }

  @Test
  void wordsAreLeftOutAndSwappedWholeAndTakeTheirLabelsAlong() {
    Augmentation augmentation = with(0.3, 0.5, 0);
    Set<List<Integer>> seen = new HashSet<>();
    for (int epoch = 1; epoch <= 200; epoch++) {
      EncodedExample changed = augmentation.augment(TAGGED, 1, epoch, 0);
      List<Integer> ids = ids(changed);
      seen.add(ids);
      assertThat(ids).startsWith(CLS).endsWith(SEP).hasSizeGreaterThan(2).doesNotHaveDuplicates();
      for (int place = 0; place < ids.size(); place++) {
        int id = ids.get(place);
        assertThat(changed.classes()[place]).isEqualTo(classOf(id));
        if (id == 20 || id == 30 || id == 31) {
          assertThat(ids.get(place + 1)).isEqualTo(id + 1);
        }
      }
      assertThat(changed.typeIds()).hasSameSizeAs(changed.ids());
    }
    assertThat(seen).hasSizeGreaterThan(20);
    assertThat(TAGGED.ids()).startsWith(CLS, 10, 20).endsWith(40, SEP);
  }

  @Test
  void theSameSeedChangesTheSameWordsInWhateverOrderTheyAreAskedFor() {
    Augmentation augmentation = with(0.2, 0.2, 0.2);
    List<List<Integer>> forward = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      forward.add(ids(augmentation.augment(TAGGED, 3, 1, i)));
    }
    List<List<Integer>> parallel =
        IntStream.range(0, 50)
            .parallel()
            .mapToObj(i -> ids(augmentation.augment(TAGGED, 3, 1, i)))
            .toList();
    assertThat(parallel).isEqualTo(forward);
    assertThat(IntStream.range(0, 50).mapToObj(i -> ids(augmentation.augment(TAGGED, 3, 2, i))))
        .isNotEqualTo(forward);
    assertThat(IntStream.range(0, 50).mapToObj(i -> ids(augmentation.augment(TAGGED, 4, 1, i))))
        .isNotEqualTo(forward);
  }

  @Test
  void asManyWordsAreLeftOutAndMaskedAsAskedFor() {
    int[] words = IntStream.range(100, 10_100).toArray();
    EncodedExample text =
        new EncodedExample(words, new int[words.length], new long[] {1}, new float[0]);
    // Five standard deviations of a thousandth.
    assertThat(with(0.1, 0, 0).augment(text, 1, 1, 0).length() / 10_000.0)
        .isCloseTo(0.9, within(0.015));
    EncodedExample masked = with(0, 0, 0.1).augment(text, 1, 1, 0);
    assertThat(Arrays.stream(masked.ids()).filter(id -> id == MASK).count() / 10_000.0)
        .isCloseTo(0.1, within(0.015));
    assertThat(masked.classes()).containsExactly(1);
    EncodedExample swapped = with(0, 0.1, 0).augment(text, 1, 1, 0);
    assertThat(swapped.ids()).containsExactlyInAnyOrder(words);
    long moved = IntStream.range(0, words.length).filter(i -> swapped.ids()[i] != words[i]).count();
    assertThat(moved).isBetween(1_700L, 2_000L); // a thousand pairs, of which some share a word
  }

  @Test
  void wordsStayInTheirOwnTextAndEachTextKeepsOne() {
    EncodedExample pair =
        new EncodedExample(
            new int[] {CLS, 10, 11, SEP, 20, 21, SEP},
            new int[] {0, 0, 0, 0, 1, 1, 1},
            new long[] {1},
            new float[0]);
    for (int epoch = 1; epoch <= 50; epoch++) {
      EncodedExample changed = with(0.9, 0.5, 0).augment(pair, 1, epoch, 0);
      for (int i = 0; i < changed.length(); i++) {
        if (!SPECIAL.contains(changed.ids()[i])) {
          assertThat(changed.typeIds()[i]).isEqualTo(changed.ids()[i] / 10 - 1);
        }
      }
      assertThat(Arrays.stream(changed.ids()).filter(id -> id / 10 == 1)).isNotEmpty();
      assertThat(Arrays.stream(changed.ids()).filter(id -> id / 10 == 2)).isNotEmpty();
    }
  }

  @Test
  void specialTokensAreNeverMasked() {
    EncodedExample masked = with(0, 0, 0.999).augment(TAGGED, 1, 1, 0);
    assertThat(masked.ids()).containsExactly(CLS, MASK, MASK, MASK, MASK, MASK, MASK, MASK, SEP);
    assertThat(masked.classes()).isEqualTo(TAGGED.classes());
  }

  @Test
  void ratesOutsideTheirRangeAreRefused() {
    assertThatThrownBy(() -> with(1, 0, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("word_dropout is 1.0: it must be at least 0 and below 1");
    assertThatThrownBy(() -> with(0, -0.1, 0))
        .hasMessage("word_swap is -0.1: it must be at least 0 and below 1");
    assertThatThrownBy(() -> with(0, 0, Double.NaN))
        .hasMessage("token_masking is NaN: it must be at least 0 and below 1");
  }
}
