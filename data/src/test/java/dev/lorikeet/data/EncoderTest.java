package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** With a BERT tokenizer of 24 tokens: [CLS] is 2, [SEP] 3, the 5, cat 6, dog 7, sat 8, ran 9. */
class EncoderTest {
  private static final Labels ANIMALS = new Labels(List.of("cat", "dog"));
  private static final long IGNORED = EncodedExample.IGNORED;

  private static TextTokenizer tokenizer;

  @BeforeAll
  static void openTokenizer() throws URISyntaxException {
    Path folder =
        Path.of(Objects.requireNonNull(EncoderTest.class.getResource("/tiny-tokenizer")).toURI());
    tokenizer = TextTokenizer.open(folder);
  }

  @AfterAll
  static void closeTokenizer() {
    tokenizer.close();
  }

  @Test
  void aTextHasItsTokensAndItsClass() {
    EncodedExample encoded =
        one(
            ANIMALS,
            HeadType.SEQUENCE_CLASSIFICATION,
            ProblemType.SINGLE_LABEL,
            Example.of("The dog ran", "dog"));
    assertThat(encoded.ids()).containsExactly(2, 5, 7, 9, 3);
    assertThat(encoded.typeIds()).containsExactly(0, 0, 0, 0, 0);
    assertThat(encoded.classes()).containsExactly(1);
    assertThat(encoded.targets()).isEmpty();
    assertThat(encoded.length()).isEqualTo(5);
  }

  @Test
  void aPairIsTwoTypesOfTokens() {
    EncodedExample encoded =
        one(
            ANIMALS,
            HeadType.SEQUENCE_CLASSIFICATION,
            ProblemType.SINGLE_LABEL,
            Example.ofPair("cat sat", "dog", "cat"));
    assertThat(encoded.ids()).containsExactly(2, 6, 8, 3, 7, 3);
    assertThat(encoded.typeIds()).containsExactly(0, 0, 0, 0, 1, 1);
  }

  @Test
  void anUnlabelledTextHasNoClass() {
    EncodedExample encoded =
        one(null, HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL, Example.of("cat"));
    assertThat(encoded.classes()).isEmpty();
    assertThat(encoded.targets()).isEmpty();
  }

  @Test
  void severalLabelsAreMultiHot() {
    Labels labels = new Labels(List.of("a", "b", "c"));
    assertThat(
            one(
                    labels,
                    HeadType.SEQUENCE_CLASSIFICATION,
                    ProblemType.MULTI_LABEL,
                    Example.of("cat", "c", "a"))
                .targets())
        .containsExactly(1, 0, 1);
    assertThat(
            one(
                    labels,
                    HeadType.SEQUENCE_CLASSIFICATION,
                    ProblemType.MULTI_LABEL,
                    Example.of("cat"))
                .targets())
        .containsExactly(0, 0, 0);
  }

  @Test
  void regressionHasOneTarget() {
    EncodedExample encoded =
        one(
            null,
            HeadType.SEQUENCE_CLASSIFICATION,
            ProblemType.REGRESSION,
            Example.of("cat", " -2.5e1 "));
    assertThat(encoded.targets()).containsExactly(-25f);
    assertThat(encoded.classes()).isEmpty();
  }

  @Test
  void theFirstTokenOfAWordCarriesItsLabel() {
    Example example = Example.ofWords(List.of("played", "new", "plays"), List.of("V", "A", "V"));
    EncodedExample encoded =
        one(
            new Labels(List.of("A", "V")),
            HeadType.TOKEN_CLASSIFICATION,
            ProblemType.SINGLE_LABEL,
            example);
    assertThat(encoded.ids()).containsExactly(2, 11, 12, 16, 11, 14, 3);
    assertThat(encoded.classes()).containsExactly(IGNORED, 1, IGNORED, 0, 1, IGNORED, IGNORED);
  }

  @Test
  void wordsBeyondTheMaximalLengthLoseTheirLabels() {
    Example example = Example.ofWords(List.of("cat", "played", "ran"), List.of("N", "V", "V"));
    ExampleEncoder encoder =
        Encoders.of(
            tokenizer,
            new Labels(List.of("N", "V")),
            HeadType.TOKEN_CLASSIFICATION,
            ProblemType.SINGLE_LABEL,
            4);
    EncodedExample encoded = encoder.encode(List.of(example)).get(0);
    assertThat(encoded.ids()).containsExactly(2, 6, 11, 3);
    assertThat(encoded.classes()).containsExactly(IGNORED, 0, 1, IGNORED);
    // Of three words the last one, and its label, is gone.
    assertThat(encoder.truncated()).isEqualTo(new Truncated(1, 1));
  }

  @Test
  void wordsOfWordPieceAreTokensWithThoseOfTwoSigns() {
    String text = "the cats played, dogs sat home.";
    EncodedExample encoded =
        one(null, HeadType.MASKED_LM, ProblemType.SINGLE_LABEL, Example.of(text));
    int[] words = encoded.wordIds();
    boolean continued = false;
    for (int i = 2; i < encoded.length() - 1; i++) {
      boolean goesOn = tokenizer.token(encoded.ids()[i]).startsWith("##");
      assertThat(words[i] == words[i - 1]).isEqualTo(goesOn);
      continued |= goesOn;
    }
    assertThat(continued).isTrue();
  }

  @Test
  void maskedLanguageModelsHaveNoClassesBeforeMasking() {
    EncodedExample encoded =
        one(null, HeadType.MASKED_LM, ProblemType.SINGLE_LABEL, Example.of("cat"));
    assertThat(encoded.classes()).containsExactly(IGNORED, IGNORED, IGNORED);
  }

  @Test
  void onlyTextsThatWereCutAreCountedAsTruncated() {
    ExampleEncoder encoder =
        Encoders.of(tokenizer, null, HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL, 5);
    List<EncodedExample> encoded =
        encoder.encode(
            List.of(Example.of("cat"), Example.of("the cat sat"), Example.of("the cat sat home")));
    assertThat(encoded).extracting(EncodedExample::length).containsExactly(3, 5, 5);
    assertThat(encoder.truncated().texts()).isEqualTo(1);
    encoder.encode(List.of(Example.of("a a a a"), Example.of("a a a a")));
    assertThat(encoder.truncated().texts()).isEqualTo(3);
  }

  @Test
  void examplesKeepTheirOrderAcrossTokenizerCalls() {
    List<Example> examples = new ArrayList<>(Collections.nCopies(5000, Example.of("cat")));
    examples.set(4500, Example.of("the dog"));
    ExampleEncoder encoder =
        Encoders.of(tokenizer, null, HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL, 8);
    List<EncodedExample> encoded = encoder.encode(examples);
    assertThat(encoded).hasSize(5000);
    assertThat(encoded.get(4499).ids()).containsExactly(2, 6, 3);
    assertThat(encoded.get(4500).ids()).containsExactly(2, 5, 7, 3);
    assertThat(encoder.encode(List.of())).isEmpty();
  }

  @Test
  void aLabelThatIsUnknownOrNoNumberIsAnError() {
    assertThatThrownBy(
            () ->
                one(
                    ANIMALS,
                    HeadType.SEQUENCE_CLASSIFICATION,
                    ProblemType.SINGLE_LABEL,
                    Example.of("cat", "dgo")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("unknown label \"dgo\"; nearest: dog; the model knows: cat, dog");
    assertThatThrownBy(
            () ->
                one(
                    null,
                    HeadType.SEQUENCE_CLASSIFICATION,
                    ProblemType.REGRESSION,
                    Example.of("cat", "high")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "label \"high\" is not a number: regression takes numbers that float32 can hold");
  }

  @Test
  void severalLabelsWhereOneIsAskedForAreAnError() {
    assertThatThrownBy(
            () ->
                one(
                    ANIMALS,
                    HeadType.SEQUENCE_CLASSIFICATION,
                    ProblemType.SINGLE_LABEL,
                    Example.of("cat", "cat", "dog")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "an example has 2 labels, but single_label_classification takes one: for several, use"
                + " multi_label_classification");
  }

  @Test
  void tokenClassificationTakesWords() {
    assertThatThrownBy(
            () ->
                one(
                    ANIMALS,
                    HeadType.TOKEN_CLASSIFICATION,
                    ProblemType.SINGLE_LABEL,
                    Example.of("the cat")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an example without words: make it by Example.ofWords");
    assertThatThrownBy(() -> Example.ofWords(List.of("the", "cat"), List.of("cat")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("as many labels as words are needed: 1, 2");
  }

  private static EncodedExample one(
      @Nullable Labels labels, HeadType task, ProblemType problemType, Example example) {
    return Encoders.of(tokenizer, labels, task, problemType, 64).encode(List.of(example)).get(0);
  }
}
