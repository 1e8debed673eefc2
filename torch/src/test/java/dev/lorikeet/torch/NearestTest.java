package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("numeric")
class NearestTest {
  @ParameterizedTest
  @CsvSource({
    "query, query, 0",
    "query, Query, 0",
    "query, qurey, 1",
    "query, quer, 1",
    "query, querry, 1",
    "query, quary, 1",
    "q_porj, q_proj, 1",
    "kitten, sitting, 3",
    "'', abc, 3",
    "abc, '', 3",
    "abcd, badc, 2"
  })
  void theDistanceCountsInsertionsDeletionsReplacementsAndSwaps(
      String first, String second, int distance) {
    assertThat(Nearest.distance(first, second)).isEqualTo(distance);
    assertThat(Nearest.distance(second, first)).isEqualTo(distance);
  }

  /** Of 100,000 characters: all of them against each other would take a minute. */
  @Test
  @Timeout(20)
  void namesOfAnyLengthAreCompared() {
    String endless = "query".repeat(20_000);
    List<String> names = new ArrayList<>(Collections.nCopies(50, endless + "x"));
    for (int i = 0; i < 50; i++) {
      names.add(endless + i);
    }
    assertThat(Nearest.of(endless, names, 1)).hasSize(1);
    assertThat(Nearest.isTypo(endless, "query")).isFalse();
  }

  @Test
  void theNearestComeFirstAndEqualOnesInTheirOrder() {
    assertThat(Nearest.of("valeu", List.of("query", "key", "value", "values", "query"), 2))
        .containsExactly("value", "values");
    assertThat(Nearest.of("x", List.of("b", "a", "x1", "b"), 9)).containsExactly("b", "a", "x1");
  }

  @Test
  void withoutNamesThereIsNoNearest() {
    assertThat(Nearest.of("x", List.of(), 2)).isEmpty();
  }
}
