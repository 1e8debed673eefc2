package dev.lorikeet.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TruncationTest {
  /** A special token, a first text, a special token, a second text, a special token. */
  private static int[] pair(int first, int second) {
    int[] ids = new int[first + second + 3];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = i == 0 || i == first + 1 || i == ids.length - 1 ? -1 : i <= first ? 0 : 1;
    }
    return ids;
  }

  /** How many tokens of each text tokenizers 0.23.2 kept of texts of 5 and 12 tokens. */
  @ParameterizedTest
  @CsvSource({
    "5, 5, 12, 1, 1",
    "6, 5, 12, 1, 2",
    "6, 12, 5, 2, 1",
    "7, 5, 12, 2, 2",
    "9, 5, 12, 3, 3",
    "12, 5, 12, 4, 5",
    "12, 12, 5, 5, 4",
    "17, 5, 12, 5, 9"
  })
  void theLongerTextOfAPairIsCutFirst(
      int length, int first, int second, int ofFirst, int ofSecond) {
    int[] ids = pair(first, second);
    for (boolean left : new boolean[] {false, true}) {
      int[] kept = new Truncation(left).keep(ids, length);
      assertThat(kept).hasSize(length);
      assertThat(IntStream.of(kept).filter(i -> ids[i] == 0)).hasSize(ofFirst);
      assertThat(IntStream.of(kept).filter(i -> ids[i] == 1)).hasSize(ofSecond);
    }
  }

  @Test
  void theBeginningOrTheEndStays() {
    int[] ids = {-1, 0, 0, 0, 0, -1};
    assertThat(new Truncation(false).keep(ids, 4)).containsExactly(0, 1, 2, 5);
    assertThat(new Truncation(true).keep(ids, 4)).containsExactly(0, 3, 4, 5);
    assertThat(new Truncation(true).keep(ids, 6)).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(new Truncation(true).keep(ids, Integer.MAX_VALUE)).hasSize(6);
  }
}
