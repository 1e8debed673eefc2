package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.WordNetGlosses.Split;
import dev.lorikeet.torch.UsageException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class WordNetGlossesTest {

  @Test
  void theEightTopicsGiveSixteenThousandExamplesAndTwoThousandOthers() {
    Split split = WordNetGlosses.topics(WordNetGlosses.TOPICS, 2000, 250, 1);
    assertThat(counts(split.train()))
        .hasSize(8)
        .allSatisfy((t, n) -> assertThat(n).isEqualTo(2000));
    assertThat(counts(split.evaluation()))
        .hasSize(8)
        .allSatisfy((t, n) -> assertThat(n).isEqualTo(250));
    Set<String> texts = new HashSet<>();
    split.train().forEach(example -> texts.add(example.text()));
    assertThat(texts).hasSize(16_000);
    split.evaluation().forEach(example -> texts.add(example.text()));
    assertThat(texts).hasSize(18_000);
  }

  @Test
  void textsAreDefinitionsWithoutExamplesOfUse() {
    Split split = WordNetGlosses.topics(List.of("food", "animal"), 2000, 500, 1);
    assertThat(split.train())
        .allSatisfy(
            example ->
                assertThat(example.text())
                    .isNotBlank()
                    .isEqualTo(example.text().strip())
                    .doesNotContain("; \"")
                    .doesNotContain(" | "));
  }

  @Test
  void topicsAreLexicographerFiles() {
    assertThat(WordNetGlosses.TOPICS)
        .extracting(WordNetGlosses::fileNumber)
        .containsExactly(5, 20, 13, 6, 18, 15, 10, 26);
    Split split = WordNetGlosses.topics(List.of("animal", "plant"), 7200, 50, 1);
    assertThat(split.train()).contains(Example.of("female of domestic cattle", "animal"));
  }

  @Test
  void rowsAreShuffledByTheSeedAlone() {
    List<Example> train = WordNetGlosses.topics(List.of("food", "animal"), 100, 10, 1).train();
    assertThat(WordNetGlosses.topics(List.of("food", "animal"), 100, 10, 1).train())
        .isEqualTo(train);
    assertThat(WordNetGlosses.topics(List.of("food", "animal"), 100, 10, 2).train())
        .isNotEqualTo(train);
    // 100 of each in a row by chance: 1 in 10^59
    assertThat(counts(train.subList(0, 100))).hasSize(2);
  }

  @Test
  void aDefinitionEndsWhereExamplesBegin() {
    assertThat(definition("a range: \"a face\"  ")).isEqualTo("a range");
    assertThat(definition("one; or two; \"as here\"; \"and here\"  ")).isEqualTo("one; or two");
    assertThat(definition("the phrase \"the call of duty\"  "))
        .isEqualTo("the phrase \"the call of duty\"");
    assertThat(definition("a drawing etc,  ")).isEqualTo("a drawing etc");
  }

  @Test
  void theLicenceIsWordNetsOwn() {
    assertThat(WordNetGlosses.LICENCE).contains("Princeton University");
    assertThat(WordNetGlosses.licence())
        .startsWith("This software and database is being provided to you, the LICENSEE, by\n")
        .contains("WordNet 3.1 Copyright 2011 by Princeton University.  All rights reserved.\n")
        .endsWith("Princeton University and LICENSEE agrees to preserve same.\n");
  }

  @Test
  void anUnknownTopicIsNamedWithTheNearest() {
    assertThatThrownBy(() -> WordNetGlosses.topics(List.of("animals"), 1, 1, 1))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith(
            "unknown topic \"animals\"; nearest: animal; there are: Tops, act,");
  }

  @Test
  void aTopicHasOnlySoManyGlosses() {
    assertThatThrownBy(() -> WordNetGlosses.topics(List.of("food"), 9000, 1, 1))
        .isInstanceOf(UsageException.class)
        .hasMessage("WordNet has 2573 glosses of topic food, not 9001");
  }

  private static String definition(String gloss) {
    return WordNetGlosses.definition("00001740 03 n 01 entity 0 000 | " + gloss);
  }

  private static Map<String, Long> counts(List<Example> examples) {
    return examples.stream()
        .map(example -> example.labels().get(0))
        .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
  }
}
