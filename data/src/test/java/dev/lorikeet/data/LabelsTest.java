package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LabelsTest {

  @Test
  void labelsAreSortedAsText() {
    assertThat(discover("b", "a", "10", "9", "a").names()).containsExactly("10", "9", "a", "b");
  }

  @Test
  void labelsThatAreAllIntegersAreSortedAsNumbers() {
    String huge = "123456789012345678901234567890";
    assertThat(discover("10", "9", huge, "-1", "+9", "9").names())
        .containsExactly("-1", "+9", "9", "10", huge);
  }

  @Test
  void allLabelsOfARowCount() {
    Labels labels = Labels.discover(List.of(Example.of("x", "b", "c"), Example.of("y", "a")));
    assertThat(labels.names()).containsExactly("a", "b", "c");
  }

  @Test
  void anIdIsThePlaceInTheList() {
    Labels labels = new Labels(List.of("z", "a", "m"));
    assertThat(labels.size()).isEqualTo(3);
    assertThat(labels.id("m")).isEqualTo(2);
    assertThat(labels.name(2)).isEqualTo("m");
    assertThat(labels).isEqualTo(new Labels(List.of("z", "a", "m"))).hasToString("Labels[z, a, m]");
  }

  @Test
  void anUnknownLabelIsNamedWithTheNearest() {
    assertThatThrownBy(() -> discover("animal", "plant").id("animla"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("unknown label \"animla\"; nearest: animal; the model knows: animal, plant");
  }

  @Test
  void atMostTenKnownLabelsAreNamedAndLongOnesAreCut() {
    Labels labels = new Labels(IntStream.rangeClosed(1, 12).mapToObj(i -> "l" + i).toList());
    assertThatThrownBy(() -> labels.id("l" + "1".repeat(100) + "\nx"))
        .hasMessage(
            "unknown label \"l"
                + "1".repeat(59)
                + "...\"; nearest: l11; the model knows: l1, l2, l3, l4, l5, l6, l7, l8, l9, l10"
                + " and 2 more");
  }

  @Test
  void aModelWithoutLabelsKnowsNone() {
    assertThatThrownBy(() -> new Labels(List.of()).id("x"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("unknown label \"x\": the model has no labels");
  }

  @Test
  void oneLabelTeachesNothing() {
    assertThatThrownBy(() -> discover("a", "a"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "all examples have the same label \"a\", so there is nothing to learn: add examples"
                + " of another label");
  }

  @Test
  void oneLabelThatSomeRowsLackCanBeLearned() {
    assertThat(Labels.discover(List.of(Example.of("x", "a"), Example.of("y"))).names())
        .containsExactly("a");
  }

  @Test
  void noLabelTeachesNothing() {
    assertThatThrownBy(() -> Labels.discover(List.of(Example.of("x"))))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "no example has a label, so there is nothing to learn: name the column with the"
                + " labels");
  }

  @Test
  void aLabelHasOneId() {
    assertThatThrownBy(() -> new Labels(List.of("a", "b", "a")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("label \"a\" is there twice: each label has one id");
  }

  private static Labels discover(String... labels) {
    return Labels.discover(Arrays.stream(labels).map(label -> Example.of("x", label)).toList());
  }
}
