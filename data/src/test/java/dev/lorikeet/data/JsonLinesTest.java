package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonLinesTest {
  @TempDir private Path folder;

  @Test
  void eachExampleIsALine() throws IOException {
    Path file = folder.resolve("a.jsonl");
    JsonLines.write(
        file,
        List.of(Example.of("a \"tail\"\n", "x"), Example.ofPair("雪", "😀", "y"), Example.of("z")));
    assertThat(Files.readString(file))
        .isEqualTo(
            """
            {"text":"a \\"tail\\"\\n","label":"x"}
            {"text":"雪","text_pair":"😀","label":"y"}
            {"text":"z"}
            """);
  }

  @Test
  void whatIsWrittenIsReadBack() {
    List<Example> single = List.of(Example.of("a", "x"), Example.of("b", "2"));
    assertThat(
            writtenAndRead(
                single, Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL)))
        .isEqualTo(single);
    List<Example> several =
        List.of(Example.of("a", "x", "y"), Example.of("b"), Example.of("c", "x"));
    assertThat(
            writtenAndRead(
                several, Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.MULTI_LABEL)))
        .isEqualTo(several);
    List<Example> tagged =
        List.of(
            Example.ofWords(List.of("New York", "x"), List.of("B", "O")),
            Example.ofWords(List.of("y"), List.of("O")));
    assertThat(
            writtenAndRead(
                tagged, Formats.of(HeadType.TOKEN_CLASSIFICATION, ProblemType.SINGLE_LABEL)))
        .isEqualTo(tagged);
  }

  @Test
  void nothingIsLeftWhereNothingCanBeWritten() throws IOException {
    Path blocked = Files.writeString(folder.resolve("file"), "x").resolve("a.jsonl");
    assertThatThrownBy(() -> JsonLines.write(blocked, List.of(Example.of("a"))))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(blocked + " cannot be written: ");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(folder.resolve("file"));
    }
  }

  private List<Example> writtenAndRead(List<Example> examples, RowFormat format) {
    Path file = folder.resolve("a.jsonl");
    JsonLines.write(file, examples);
    return DataReader.read(
            file.toString(), new Columns("text", null, "label"), format, OnBadRow.FAIL)
        .examples();
  }
}
