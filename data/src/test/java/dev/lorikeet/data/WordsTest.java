package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class WordsTest {
  @Test
  void wordsStandBetweenSpacesAndPunctuationAtTheirEndsIsByItself() {
    assertThat(Words.of(" He's in\tBerlin (3.5 km)...\n"))
        .containsExactly("He's", "in", "Berlin", "(", "3.5", "km", ")", ".", ".", ".");
    assertThat(Words.of("«Well-known» €5 a+b"))
        .containsExactly("«", "Well-known", "»", "€5", "a+b");
    assertThat(Words.of("?!")).containsExactly("?", "!");
    assertThat(Words.of(" ")).isEmpty();
  }

  @Test
  void everyIdeographIsAWord() {
    assertThat(Words.of("我在Berlin𠀀。")).containsExactly("我", "在", "Berlin", "𠀀", "。");
  }

  @Test
  void wordsAreFoundWhereTheyStand() {
    String text = "a a. \uD83D\uDC26 a";
    assertThat(Words.starts(text, Words.of(text))).containsExactly(0, 2, 3, 5, 8);
    assertThat(Words.starts("a b", List.of("a", "x", "b"))).containsExactly(0, -1, 2);
  }
}
