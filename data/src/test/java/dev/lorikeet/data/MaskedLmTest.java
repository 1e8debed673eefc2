package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MaskedLmTest {
  private static final int MASK = 4;
  private static final int VOCABULARY = 1000;
  private static final long IGNORED = EncodedExample.IGNORED;
  private static final MaskedLm BERT =
      new MaskedLm(MASK, VOCABULARY, Set.of(0, 1, 2, 3, MASK), 0.15, 0.8, 0.1);

  @Property
  void fifteenPercentOfTheTokensAreChosenAndAtLeastOne(
      @ForAll @IntRange(min = 1, max = 300) int tokens, @ForAll long seed) {
    EncodedExample masked = BERT.mask(text(tokens), seed, 0, 0);
    long chosen = Arrays.stream(masked.classes()).filter(c -> c != IGNORED).count();
    assertThat(chosen).isEqualTo(Math.max(1, Math.round(0.15 * tokens)));
  }

  @Property
  void classesAreTheHiddenTokensAndSpecialTokensAreNeverHidden(
      @ForAll @IntRange(min = 1, max = 300) int tokens, @ForAll long seed) {
    EncodedExample text = text(tokens);
    EncodedExample masked = BERT.mask(text, seed, 0, 0);
    for (int i = 0; i < text.length(); i++) {
      if (masked.classes()[i] == IGNORED) {
        assertThat(masked.ids()[i]).isEqualTo(text.ids()[i]);
      } else {
        assertThat(masked.classes()[i]).isEqualTo(text.ids()[i]);
        assertThat(text.ids()[i]).isGreaterThan(MASK);
      }
    }
    assertThat(masked.ids()[0]).isEqualTo(2);
    assertThat(masked.typeIds()).isEqualTo(text.typeIds());
  }

  @Test
  void ofTheChosenTokensEightOfTenAreMaskedOneIsRandomAndOneStays() {
    int masked = 0;
    int kept = 0;
    int random = 0;
    for (int index = 0; index < 1000; index++) {
      EncodedExample text = text(200);
      EncodedExample hidden = BERT.mask(text, 1, 0, index);
      for (int i = 0; i < text.length(); i++) {
        if (hidden.classes()[i] != IGNORED) {
          masked += hidden.ids()[i] == MASK ? 1 : 0;
          kept += hidden.ids()[i] == text.ids()[i] ? 1 : 0;
          random += hidden.ids()[i] != MASK && hidden.ids()[i] != text.ids()[i] ? 1 : 0;
        }
      }
    }
    double all = masked + kept + random;
    assertThat(all).isEqualTo(30_000);
    // Standard deviations of the parts: sqrt(.8·.2/30000) = .0023 and sqrt(.1·.9/30000) = .0017;
    // five of them. One random token in 995 is the token itself, which is below that.
    assertThat(masked / all).isCloseTo(0.8, within(0.0115));
    assertThat(random / all).isCloseTo(0.1, within(0.0087));
    assertThat(kept / all).isCloseTo(0.1, within(0.0087));
  }

  @Property
  void wholeWordsAreChosenTogether(
      @ForAll @Size(min = 1, max = 60) List<@IntRange(min = 1, max = 5) Integer> lengths,
      @ForAll long seed) {
    MaskedLm whole = new MaskedLm(MASK, VOCABULARY, Set.of(0, 1, 2, 3, MASK), 0.15, 0.8, 0.1, true);
    int tokens = lengths.stream().mapToInt(Integer::intValue).sum();
    int[] words = new int[tokens + 2];
    words[0] = -1;
    words[tokens + 1] = -1;
    int at = 1;
    for (int word = 0; word < lengths.size(); word++) {
      Arrays.fill(words, at, at + lengths.get(word), word);
      at += lengths.get(word);
    }
    EncodedExample text = text(tokens);
    EncodedExample ofWords =
        new EncodedExample(text.ids(), text.typeIds(), text.classes(), text.targets(), words);
    EncodedExample masked = whole.mask(ofWords, seed, 0, 0);
    int chosen = 0;
    for (int i = 1; i <= tokens; i++) {
      boolean isChosen = masked.classes()[i] != IGNORED;
      chosen += isChosen ? 1 : 0;
      if (words[i] == words[i - 1]) {
        assertThat(isChosen).isEqualTo(masked.classes()[i - 1] != IGNORED);
      }
    }
    // As many as single tokens would be, or fewer where no other word fits; one word at least.
    long most = Math.max(1, Math.round(0.15 * tokens));
    int shortest = lengths.stream().mapToInt(Integer::intValue).min().orElseThrow();
    assertThat(chosen).isPositive();
    if (chosen > most) {
      assertThat(shortest).isGreaterThan((int) most);
      assertThat(lengths).contains(chosen);
    } else {
      assertThat(chosen).isGreaterThan((int) most - 5);
    }
  }

  @Test
  void randomTokensAreNeverSpecial() {
    MaskedLm allRandom = new MaskedLm(MASK, 7, Set.of(0, 1, 2, 3, MASK), 1, 0, 1);
    int[] ids = allRandom.mask(text(500), 1, 0, 0).ids();
    assertThat(Arrays.stream(ids, 1, 501).distinct().sorted()).containsExactly(5, 6);
  }

  @Test
  void theSameSeedEpochAndPlaceHideTheSame() {
    EncodedExample text = text(200);
    int[] hidden = BERT.mask(text, 5, 2, 9).ids();
    assertThat(BERT.mask(text, 5, 2, 9).ids()).isEqualTo(hidden);
    assertThat(BERT.mask(text, 6, 2, 9).ids()).isNotEqualTo(hidden);
    assertThat(BERT.mask(text, 5, 3, 9).ids()).isNotEqualTo(hidden);
    assertThat(BERT.mask(text, 5, 2, 10).ids()).isNotEqualTo(hidden);
  }

  @Test
  void theExampleItselfStaysAsItIs() {
    EncodedExample text = text(50);
    BERT.mask(text, 1, 0, 0);
    assertThat(text.ids()).isEqualTo(text(50).ids());
  }

  @Test
  void aTextOfSpecialTokensAloneHidesNothing() {
    EncodedExample masked = BERT.mask(text(0), 1, 0, 0);
    assertThat(masked.ids()).containsExactly(2, 3);
    assertThat(masked.classes()).containsExactly(IGNORED, IGNORED);
  }

  @Test
  void partsBeyondTheirRangeAreRefused() {
    assertThatThrownBy(() -> new MaskedLm(MASK, 10, Set.of(), 0, 0.8, 0.1))
        .isInstanceOf(UsageException.class)
        .hasMessage("the part of tokens to mask must be in (0, 1], not 0.0");
    assertThatThrownBy(() -> new MaskedLm(MASK, 10, Set.of(), 0.15, 0.8, 0.3))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "the parts masked and replaced must be at least 0 and together at most 1, not 0.8"
                + " and 0.3");
    assertThatThrownBy(() -> new MaskedLm(0, 1, Set.of(0), 0.15, 0.8, 0.1))
        .isInstanceOf(UsageException.class)
        .hasMessage("all 1 tokens are special: there is none to draw at random");
  }

  /** [CLS], tokens from 5 up, [SEP]. */
  private static EncodedExample text(int tokens) {
    int[] ids =
        IntStream.range(0, tokens + 2).map(i -> i == 0 ? 2 : i == tokens + 1 ? 3 : 4 + i).toArray();
    long[] classes = new long[ids.length];
    Arrays.fill(classes, IGNORED);
    return new EncodedExample(ids, new int[ids.length], classes, new float[0]);
  }
}
