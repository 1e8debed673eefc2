package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows of several labels: lists, vectors of zeros and ones, and columns of them. */
class SeveralLabelsTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"multihot.jsonl", "multihot_int.jsonl"})
  void vectorsOfZerosAndOnesHaveAPlaceForEachLabel(String name) {
    DataSet set = read(Path.of("src/test/resources/cases/multi-hot").resolve(name), TEXT_AND_LABEL);
    assertThat(set.labels()).containsExactly("0", "1", "2");
    assertThat(set.vectors()).isTrue();
    assertThat(set.examples())
        .startsWith(Example.of("bird", "0", "2"), Example.of("dog", "1"), Example.of("cat"));
    assertThat(set.named(List.of("wing", "paw", "beak")).examples())
        .startsWith(Example.of("bird", "wing", "beak"), Example.of("dog", "paw"));
  }

  @Test
  void booleansAreOnesAndZerosToo() throws IOException {
    Path file = write("{'text':'a','label':[true,false]}\n{'text':'b','label':[false,false]}\n");
    assertThat(read(file, TEXT_AND_LABEL).examples())
        .containsExactly(Example.of("a", "0"), Example.of("b"));
  }

  @Test
  void aModelOfAnotherNumberOfLabelsIsRefused() throws IOException {
    DataSet set = read(write("{'text':'a','label':[1,0,1]}\n"), TEXT_AND_LABEL);
    assertThatThrownBy(() -> set.named(List.of("x", "y")))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage("the labels are vectors of 3, and the model has 2 labels: x, y");
  }

  @Test
  void listsOfNumbersAreLabels() throws IOException {
    DataSet set =
        read(write("{'text':'a','label':[0,2]}\n{'text':'b','label':[1,1]}\n"), TEXT_AND_LABEL);
    assertThat(set.vectors()).isFalse();
    assertThat(set.labels()).isEmpty();
    assertThat(set.examples()).containsExactly(Example.of("a", "0", "2"), Example.of("b", "1"));
    DataSet ragged =
        read(write("{'text':'a','label':[0,1]}\n{'text':'b','label':[1]}\n"), TEXT_AND_LABEL);
    assertThat(ragged.examples()).containsExactly(Example.of("a", "0", "1"), Example.of("b", "1"));
  }

  @Test
  void vectorsOfSeveralLengthsAreRefused() throws IOException {
    Path file = write("{'text':'a','label':[0,1,0]}\n{'text':'b','label':[0,0]}\n");
    refused(
        file,
        file
            + (": the labels are a vector of 3 (" + file + ":1), and 2 (" + file + ":2)")
            + ": vectors of 0 and 1 must have a place for each label in every row");
  }

  @Test
  void whatMayBeAVectorOrALabelIsRefused() throws IOException {
    Path file = write("{'text':'a','label':[0]}\n{'text':'b','label':[1]}\n");
    refused(
        file,
        file
            + ": the labels are arrays of one 0 or 1 in every row, which may be a vector or a"
            + " label: write the labels' names, [\"spam\"], and [] for none");
  }

  @Test
  void fractionsAreNoLabels() throws IOException {
    Path file = write("{'text':'a','label':[0,0.5]}\n");
    refused(
        file,
        file
            + ":1: \"label\" holds 0.5: labels are names or whole numbers, or a vector of 0 and 1"
            + " with a place for each; mend the row, or have bad rows skipped");
  }

  @Test
  void columnsOfZerosAndOnesAreLabels() throws IOException {
    Columns columns = new Columns("text", null, List.of("spam", "rude", "long"), false);
    Path jsonl =
        write(
            """
            {'text':'a','spam':1,'rude':false,'long':1.0}
            {'text':'b','spam':0,'rude':'0','long':0}
            """);
    Path csv =
        Files.writeString(
            folder.resolve("a.csv"), "long,text,rude,spam\n1.0,a,False,1\n0,b,0,0.0\n");
    for (Path file : List.of(jsonl, csv)) {
      DataSet set = read(file, columns);
      assertThat(set.labels()).containsExactly("spam", "rude", "long");
      assertThat(set.examples()).containsExactly(Example.of("a", "spam", "long"), Example.of("b"));
    }
    Path other = write("{'text':'a','spam':2,'rude':0,'long':0}\n");
    assertThatThrownBy(() -> read(other, columns))
        .hasMessage(
            other
                + ":1: \"spam\" is \"2\": columns of several labels hold 0 or 1; mend the row, or"
                + " have bad rows skipped");
  }

  @Test
  void severalColumnsAreForSeveralLabels() {
    Columns columns = new Columns("text", null, List.of("a", "b"), false);
    assertThatThrownBy(
            () ->
                DataReader.read(
                    "x.csv",
                    columns,
                    Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
                    OnBadRow.FAIL))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "several columns of labels (a,b) are for sequence-classification with --problem-type"
                + " multi_label_classification: name one column");
  }

  @Test
  void manyNumbersWithFractionsAreNotTakenForClasses() {
    List<Example> measured =
        IntStream.range(0, 30).mapToObj(i -> Example.of("x", i + ".25")).toList();
    assertThatThrownBy(() -> Labels.mustBeClasses("a.csv", "score", measured))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "a.csv: \"score\" has 30 different numbers, such as 0.25: give --problem-type"
                + " regression to predict numbers, or --problem-type single_label_classification"
                + " to tell each apart as a class");
    List<Example> classes =
        IntStream.range(0, 300).mapToObj(i -> Example.of("x", i % 10 + ".0")).toList();
    Labels.mustBeClasses("a.csv", "score", classes);
    List<Example> halves =
        IntStream.range(0, 300).mapToObj(i -> Example.of("x", "" + i % 21 / 2.0)).toList();
    Labels.mustBeClasses("a.csv", "score", halves);
    List<Example> names =
        IntStream.range(0, 300).mapToObj(i -> Example.of("x", "v1." + i)).toList();
    Labels.mustBeClasses("a.csv", "version", names);
  }

  private static void refused(Path file, String message) {
    assertThatThrownBy(() -> read(file, TEXT_AND_LABEL))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  private static DataSet read(Path file, Columns columns) {
    return DataReader.read(
        file.toString(),
        columns,
        Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.MULTI_LABEL),
        OnBadRow.FAIL);
  }

  private Path write(String lines) throws IOException {
    return Files.writeString(folder.resolve("a.jsonl"), lines.replace('\'', '"'));
  }
}
