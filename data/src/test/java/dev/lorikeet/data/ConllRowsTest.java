package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sentences of files in columns. */
class ConllRowsTest {
  private static final String CONLL_2003 =
      """
      -DOCSTART- -X- -X- O

      EU NNP B-NP B-ORG
      rejects VBZ B-VP O
      # NN B-NP O

      Peter NNP B-NP B-PER
      Blackburn NNP I-NP I-PER


      -DOCSTART- -X- -X- O

      # NN B-NP O
      BRUSSELS NNP B-NP S-LOC
      """;

  private static final String CONLL_U =
      """
      # sent_id = 1
      # text = vámonos al mar
      1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
      1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_
      2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
      2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_
      3\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_

      # newdoc
      # sent_id = 2
      1\tNew York\tNew York\tPROPN\t_\t_\t0\troot\t_\t_
      """;

  @TempDir private Path folder;

  @Test
  void wordsAreInTheFirstColumnAndLabelsInTheLast() throws IOException {
    List<Example> expected =
        List.of(
            Example.ofWords(List.of("EU", "rejects", "#"), List.of("B-ORG", "O", "O")),
            Example.ofWords(List.of("Peter", "Blackburn"), List.of("B-PER", "I-PER")),
            Example.ofWords(List.of("#", "BRUSSELS"), List.of("O", "S-LOC")));
    assertThat(read(write("a.conll", CONLL_2003), "text", "label")).isEqualTo(expected);
    assertThat(read(write("b.conll", CONLL_2003.replace("\n", "\r\n")), "text", "label"))
        .isEqualTo(expected);
    assertThat(read(write("c.iob2", CONLL_2003.replace(" ", "\t")), "1", "4")).isEqualTo(expected);
    assertThat(read("conll:" + write("train.txt", CONLL_2003), "word", "NER")).isEqualTo(expected);
  }

  @Test
  void otherColumnsAreNamedByNumber() throws IOException {
    assertThat(read(write("a.conll", CONLL_2003), "text", "-2"))
        .startsWith(
            Example.ofWords(List.of("EU", "rejects", "#"), List.of("B-NP", "B-VP", "B-NP")));
  }

  @Test
  void commentsMultiwordTokensAndEmptyNodesOfConllUAreNoWords() throws IOException {
    Path file = write("a.conllu", CONLL_U);
    assertThat(read(file, "text", "label"))
        .containsExactly(
            Example.ofWords(List.of("vamos", "nos", "mar"), List.of("VERB", "PRON", "NOUN")),
            Example.ofWords(List.of("New York"), List.of("PROPN")));
    assertThat(read(file, "LEMMA", "deprel").get(0))
        .isEqualTo(
            Example.ofWords(List.of("ir", "nosotros", "mar"), List.of("root", "obj", "obl")));
  }

  @Test
  void wordsAloneHaveNoLabels() throws IOException {
    Path file = write("a.conll", "a\nb\n\nc");
    assertThat(read(file, "text", null))
        .containsExactly(
            Example.ofWords(List.of("a", "b"), List.of()),
            Example.ofWords(List.of("c"), List.of()));
    assertThatThrownBy(() -> read(file, "text", "label"))
        .isInstanceOf(UsageException.class)
        .hasMessage(file + ": one column, which has the words: there are no labels in this file");
  }

  @Test
  void aSentenceOfOtherColumnsIsABadRow() throws IOException {
    Path file = write("a.conll", "a O\n\nb O\nc\n");
    assertThatThrownBy(() -> read(file, "text", "label"))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(
            file
                + ":3: line 4 has another number of columns, 1, than the first, 2; mend the row, or"
                + " have bad rows skipped");
  }

  @Test
  void anUnknownColumnIsNamedWithThoseThereAre() throws IOException {
    Path file = write("a.conll", CONLL_2003);
    assertThatThrownBy(() -> read(file, "text", "5"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            file
                + ": no column \"5\" of 4: name it by its number, from 1, or -1 for the last, or"
                + " word, pos, chunk, ner");
    Path two = write("b.conll", "a O\n");
    assertThatThrownBy(() -> read(two, "text", "tags"))
        .hasMessage(
            two + ": no column \"tags\" of 2: name it by its number, from 1, or -1 for the last");
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static List<Example> read(Object source, String text, @Nullable String label) {
    return DataReader.read(
            source.toString(),
            new Columns(text, null, label),
            Formats.of(HeadType.TOKEN_CLASSIFICATION, ProblemType.SINGLE_LABEL),
            OnBadRow.FAIL)
        .examples();
  }
}
