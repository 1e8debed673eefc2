package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextTokenizerTest {
  private static final int CLS = 101;
  private static final int SEP = 102;

  /** all-MiniLM-L6-v2's tokenizer, which says to cut and pad every text to 128 tokens. */
  @TempDir static Path miniLm;

  @TempDir Path folder;

  @BeforeAll
  static void copyTokenizer() throws IOException {
    copy("/all-minilm-l6-v2-tokenizer.json", miniLm);
  }

  static void copy(String resource, Path folder) throws IOException {
    try (InputStream in = TextTokenizerTest.class.getResourceAsStream(resource)) {
      Files.copy(Objects.requireNonNull(in), folder.resolve("tokenizer.json"));
    }
  }

  // ---- texts to ids ----

  /** The ids are printed in chapter 2 of the Hugging Face course, for the same vocabulary. */
  @Test
  void idsAreThoseOfTheReferenceImplementation() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      String text = "I've been waiting for a HuggingFace course my whole life.";
      assertThat(tokenizer.encode(text, null, 512).ids())
          .containsExactly(
              CLS, 1045, 1005, 2310, 2042, 3403, 2005, 1037, 17662, 12172, 2607, 2026, 2878, 2166,
              1012, SEP);
      assertThat(tokenizer.encode("I hate this so much!", null, 512).ids())
          .containsExactly(CLS, 1045, 5223, 2023, 2061, 2172, 999, SEP);
    }
  }

  @Test
  void textsAreNeitherPaddedNorCutToWhatTheFileSays() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      assertThat(tokenizer.encode("bird", null, 512).length()).isEqualTo(3);
      assertThat(tokenizer.encode("bird ".repeat(300), null, 512).length()).isEqualTo(302);
      assertThat(tokenizer.encode("bird ".repeat(3000), null, 2048).length()).isEqualTo(2048);
    }
  }

  @Test
  void textsAreCutToTheLengthWithTheirSpecialTokens() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      String text = "I hate this so much!";
      assertThat(tokenizer.encode(text, null, 5).ids()).containsExactly(CLS, 1045, 5223, 2023, SEP);
      assertThat(tokenizer.encode(text, null, 3).ids()).containsExactly(CLS, 1045, SEP);
      assertThat(tokenizer.encode(text, null, 8).length()).isEqualTo(8);
    }
  }

  @Test
  void secondTextsHaveTypeOneAndTheLongerTextIsCutFirst() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      Encoding whole = tokenizer.encode("I hate", "this so much", 512);
      assertThat(whole.ids()).containsExactly(CLS, 1045, 5223, SEP, 2023, 2061, 2172, SEP);
      assertThat(whole.typeIds()).containsExactly(0, 0, 0, 0, 1, 1, 1, 1);
      Encoding cut = tokenizer.encode("I hate", "this so much", 7);
      assertThat(cut.ids()).containsExactly(CLS, 1045, 5223, SEP, 2023, 2061, SEP);
    }
  }

  @Test
  void manyTextsGiveWhatEachGivesAlone() {
    List<String> texts =
        IntStream.range(0, 100).mapToObj(i -> "bird, number " + "é ".repeat(i) + i).toList();
    List<String> pairs = IntStream.range(0, 100).mapToObj(i -> "a 😀 " + i).toList();
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      assertSame(tokenizer, texts, null, tokenizer.encodeAll(texts, null, 40));
      assertSame(tokenizer, texts, pairs, tokenizer.encodeAll(texts, pairs, 40));
      assertThat(tokenizer.encodeAll(List.of(), null, 40)).isEmpty();
    }
  }

  private static void assertSame(
      TextTokenizer tokenizer,
      List<String> texts,
      @Nullable List<String> pairs,
      List<Encoding> encodings) {
    assertThat(encodings).hasSameSizeAs(texts);
    for (int i = 0; i < texts.size(); i++) {
      Encoding alone = tokenizer.encode(texts.get(i), pairs == null ? null : pairs.get(i), 40);
      assertThat(encodings.get(i)).usingRecursiveComparison().isEqualTo(alone);
    }
  }

  @Test
  void tokensOfSplitWordsKnowTheirWord() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      Encoding encoding =
          tokenizer.encodeWords(List.of("HuggingFace", "", "is", "here,", "now"), 512);
      assertThat(tokens(tokenizer, encoding))
          .containsExactly("[CLS]", "hugging", "##face", "is", "here", ",", "now", "[SEP]");
      assertThat(encoding.wordIds()).containsExactly(-1, 0, 0, 2, 3, 3, 4, -1);
      Encoding cut = tokenizer.encodeWords(List.of("HuggingFace", "is", "here"), 4);
      assertThat(cut.wordIds()).containsExactly(-1, 0, 0, -1);
    }
  }

  @Test
  void textThatIsEmptyIsItsSpecialTokens() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      assertThat(tokenizer.encode("", null, 8).ids()).containsExactly(CLS, SEP);
      assertThat(tokenizer.encodeWords(List.of(), 8).ids()).containsExactly(CLS, SEP);
    }
  }

  /** Half of a surrogate pair, and a zero: what broken files hold. */
  @Test
  void brokenTextIsNoReasonToFail() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      Encoding encoding = tokenizer.encode("a \uD83D b \u0000 c", null, 16);
      assertThat(encoding.ids()).startsWith(CLS, 1037).endsWith(1039, SEP);
    }
  }

  @Test
  void lengthThatLeavesNoRoomIsRefused() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      assertThatThrownBy(() -> tokenizer.encode("bird", null, 2))
          .isInstanceOf(UsageException.class)
          .hasMessage("max-length 2 has no room for a text: special tokens take 2");
      assertThatThrownBy(() -> tokenizer.encode("bird", "bird", 3))
          .isInstanceOf(UsageException.class)
          .hasMessage("max-length 3 has no room for a text: special tokens take 3");
      assertThatThrownBy(() -> tokenizer.encodeWords(List.of("bird"), -1))
          .isInstanceOf(UsageException.class)
          .hasMessage("max-length -1 has no room for a text: special tokens take 2");
    }
  }

  // ---- ids to texts ----

  @Test
  void decodingLeavesSpecialTokensOut() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      int[] ids = tokenizer.encode("HuggingFace, here", null, 16).ids();
      assertThat(tokenizer.decode(ids)).isEqualTo("huggingface, here");
      assertThat(tokenizer.token(CLS)).isEqualTo("[CLS]");
      assertThatThrownBy(() -> tokenizer.token(30522))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no token has id 30522");
    }
  }

  // ---- the vocabulary ----

  @Test
  void vocabularyAndSpecialTokensAreRead() {
    try (TextTokenizer tokenizer = TextTokenizer.open(miniLm)) {
      assertThat(tokenizer.vocabSize()).isEqualTo(30522);
      assertThat(tokenizer.padTokenId()).isZero();
      assertThat(tokenizer.maskTokenId()).isEqualTo(103);
      assertThat(tokenizer.specialTokenIds()).containsExactly(0, 100, CLS, SEP, 103);
    }
  }

  @Test
  void unigramVocabulariesAreListsAndAddedTokensMayLieBeyondThem() throws IOException {
    copy("/tokenizers/unigram.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertThat(tokens(tokenizer, tokenizer.encode("the birds", null, 9)))
          .containsExactly("▁the", "▁bird", "s");
      assertThat(tokenizer.token(7)).isEqualTo("<extra>");
      assertThat(tokenizer.vocabSize()).isEqualTo(8);
      assertThat(tokenizer.maskTokenId()).isNull();
      assertThat(tokenizer.padTokenId()).isZero();
    }
  }

  // ---- RoBERTa's and XLM-RoBERTa's kinds: ids printed by src/test/interop/make_tokenizers.py ----

  @Test
  void byteLevelPairsHaveTwoSeparatorsAndOneType() throws IOException {
    copy("/tokenizers/roberta.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      int[] ids = tokenizer.encode("the bird sings é", null, 64).ids();
      assertThat(ids).containsExactly(0, 267, 263, 282, 224, 131, 106, 2);
      assertThat(tokenizer.decode(ids)).isEqualTo("the bird sings é");
      Encoding pair = tokenizer.encode("the bird", "a small cat", 64);
      assertThat(pair.ids()).containsExactly(0, 267, 263, 2, 2, 68, 278, 281, 2);
      assertThat(pair.typeIds()).containsOnly(0);
      assertThat(tokenizer.encode("the bird sings", "a cat", 9).ids())
          .containsExactly(0, 267, 263, 282, 2, 2, 68, 281, 2);
    }
  }

  @Test
  void byteLevelTokenizersKnowTheirPaddingAndTheirMask() throws IOException {
    copy("/tokenizers/roberta.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertThat(tokenizer.padTokenId()).isEqualTo(1);
      assertThat(tokenizer.maskTokenId()).isEqualTo(284);
      assertThat(tokenizer.vocabSize()).isEqualTo(285);
      assertThat(tokenizer.specialTokenIds()).containsExactly(0, 1, 2, 3, 284);
      assertThat(tokenizer.encode("the <mask> sings", null, 64).ids())
          .as("the mask takes the space before it")
          .containsExactly(0, 267, 284, 282, 2);
    }
  }

  /** Beginnings of texts have other tokens; transformers asks for {@code add_prefix_space=True}. */
  @Test
  void splitWordsOfByteLevelTokenizersAreThoseInsideATextTheFirstToo() throws IOException {
    copy("/tokenizers/roberta.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      Encoding encoding = tokenizer.encodeWords(List.of("singing", "birds", "", "and", ","), 64);
      assertThat(encoding.ids()).containsExactly(0, 283, 271, 277, 224, 15, 2);
      assertThat(encoding.wordIds()).containsExactly(-1, 0, 1, 3, 4, 4, -1);
    }
  }

  @Test
  void unigramPairsMasksAndWordsAreThoseOfTheReferenceImplementation() throws IOException {
    copy("/tokenizers/xlmr.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      int[] ids = tokenizer.encode("the bird sings é", null, 64).ids();
      assertThat(ids).containsExactly(0, 5, 7, 9, 8, 4, 11, 2);
      assertThat(tokenizer.decode(ids)).isEqualTo("the bird sings é");
      Encoding pair = tokenizer.encode("the bird", "a small cat", 64);
      assertThat(pair.ids())
          .containsExactly(0, 5, 7, 2, 2, 6, 4, 8, 24, 12, 23, 23, 4, 14, 12, 30, 2);
      assertThat(pair.typeIds()).containsOnly(0);
      assertThat(tokenizer.encode("the bird sings", "a cat", 9).ids())
          .containsExactly(0, 5, 7, 2, 2, 6, 4, 14, 2);
      assertThat(tokenizer.encode("the <mask> sings", null, 64).ids())
          .containsExactly(0, 5, 38, 9, 8, 2);
      assertThat(tokenizer.padTokenId()).isEqualTo(1);
      assertThat(tokenizer.maskTokenId()).isEqualTo(38);
      Encoding words = tokenizer.encodeWords(List.of("singing", "birds", "", "and", ","), 64);
      assertThat(words.ids()).containsExactly(0, 9, 10, 7, 8, 6, 25, 15, 4, 37, 2);
      assertThat(words.wordIds()).containsExactly(-1, 0, 0, 1, 1, 3, 3, 3, 4, 4, -1);
    }
  }

  @Test
  void roleOfATokenIsReadFromTheTokenizersOtherFiles() throws IOException {
    copy("/tokenizers/unigram.json", folder);
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"eos_token\":\"</s>\",\"mask_token\":null,\"pad_token\":null}");
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertThat(tokenizer.maskTokenId()).as("not the word null").isNull();
      assertThat(tokenizer.padTokenId()).as("end of text, as there is no padding").isEqualTo(1);
    }
    Files.writeString(
        folder.resolve("special_tokens_map.json"),
        "{\"pad_token\":{\"content\":\"<extra>\"},\"mask_token\":\"s\"}");
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertThat(tokenizer.padTokenId()).isEqualTo(7);
      assertThat(tokenizer.maskTokenId()).isEqualTo(4);
    }
  }

  @Test
  void typesThatTheModelLacksAreRefused() throws IOException {
    copy("/tokenizers/wordpiece.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      tokenizer.mustFitTypes(2);
    }
    Path file = folder.resolve("tokenizer.json");
    String json = Files.readString(file);
    String damaged = json.replaceAll("\"type_id\": *1", "\"type_id\":7");
    assertThat(damaged).isNotEqualTo(json);
    Files.writeString(file, damaged);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      tokenizer.mustFitTypes(1); // all tokens are of one type
      assertThatThrownBy(() -> tokenizer.mustFitTypes(2))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "%s: post_processor gives tokens the type_id 7, the model has 2 types"
                  + " (type_vocab_size): use the tokenizer that belongs to the model",
              file);
    }
  }

  @Test
  void tokenizerThatExceedsTheModelIsRefused() throws IOException {
    copy("/tokenizers/unigram.json", folder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      tokenizer.mustFit(8);
      assertThatThrownBy(() -> tokenizer.mustFit(7))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "%s: token \"<extra>\" has id 7, the model's vocabulary has 7 entries:"
                  + " use the tokenizer that belongs to the model",
              folder.resolve("tokenizer.json"));
    }
  }

  // ---- files ----

  @Test
  void savedFilesAreTheSameByteForByte() throws IOException {
    copy("/tokenizers/wordpiece.json", folder);
    Files.writeString(folder.resolve("vocab.txt"), "[PAD]\r\n");
    Files.writeString(folder.resolve("config.json"), "{}");
    Path saved = folder.resolve("saved");
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      tokenizer.save(saved);
    }
    assertThat(saved).isDirectoryNotContaining("glob:**config.json");
    for (String name : new String[] {"tokenizer.json", "vocab.txt"}) {
      assertThat(saved.resolve(name)).hasSameBinaryContentAs(folder.resolve(name));
    }
  }

  @Test
  void folderWithoutATokenizerIsRefusedWithTheMend() {
    assertThatThrownBy(() -> TextTokenizer.open(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s has no tokenizer.json: copy it from the model, or make it (transformers:"
                + " AutoTokenizer.from_pretrained(model).save_pretrained(folder))",
            folder);
  }

  @Test
  void tokenizerThatIsNoneIsRefused() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    for (String json : List.of("{\"a", "{}", "[]", "")) {
      Files.writeString(file, json);
      assertThatThrownBy(() -> TextTokenizer.open(folder))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(
              file + (json.equals("{\"a") ? " is not JSON: " : " cannot be read: "))
          .hasMessageNotContaining("\n");
    }
  }

  @Test
  void closedTokenizerThrows() {
    TextTokenizer tokenizer = TextTokenizer.open(miniLm);
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("bird", null, 8))
        .isInstanceOf(IllegalStateException.class);
  }

  private static List<String> tokens(TextTokenizer tokenizer, Encoding encoding) {
    return IntStream.of(encoding.ids()).mapToObj(tokenizer::token).toList();
  }
}
