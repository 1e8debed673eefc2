package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EvalSplitTest {
  private static List<Example> examples(int a, int b, int c) {
    List<Example> examples = new ArrayList<>();
    IntStream.range(0, a).forEach(i -> examples.add(Example.of("a" + i, "a")));
    IntStream.range(0, b).forEach(i -> examples.add(Example.of("b" + i, "b")));
    IntStream.range(0, c).forEach(i -> examples.add(Example.of("c" + i, "c")));
    return examples;
  }

  private static long count(List<Example> examples, String label) {
    return examples.stream().filter(e -> e.labels().contains(label)).count();
  }

  @Test
  void eachLabelHasItsShare() {
    List<Example> examples = examples(70, 25, 5);
    EvalSplit split = EvalSplit.of(examples, 0.2, true, 1);
    // As sklearn.model_selection.train_test_split(test_size=0.2, stratify=labels) counts them.
    assertThat(count(split.held(), "a")).isEqualTo(14);
    assertThat(count(split.held(), "b")).isEqualTo(5);
    assertThat(count(split.held(), "c")).isEqualTo(1);
    assertThat(split.train()).hasSize(80).doesNotContainAnyElementsOf(split.held());
    List<Example> both = new ArrayList<>(split.train());
    both.addAll(split.held());
    assertThat(both).containsExactlyInAnyOrderElementsOf(examples);
    assertThat(split.held())
        .isSubsetOf(examples)
        .isSortedAccordingTo((x, y) -> Integer.compare(examples.indexOf(x), examples.indexOf(y)));
  }

  @Test
  void theSeedDrawsTheSameAgainAndAnotherDrawsOthers() {
    List<Example> examples = examples(50, 50, 0);
    assertThat(EvalSplit.of(examples, 0.1, true, 7))
        .isEqualTo(EvalSplit.of(examples, 0.1, true, 7));
    assertThat(EvalSplit.of(examples, 0.1, true, 7))
        .isNotEqualTo(EvalSplit.of(examples, 0.1, true, 8));
  }

  @Test
  void aLabelOfOneExampleIsLearned() {
    EvalSplit split = EvalSplit.of(examples(9, 1, 1), 0.5, true, 1);
    assertThat(count(split.train(), "b")).isEqualTo(1);
    assertThat(count(split.train(), "c")).isEqualTo(1);
  }

  @Test
  void whatHasNoLabelsIsDrawnAtRandom() {
    List<Example> texts = IntStream.range(0, 11).mapToObj(i -> Example.of("t" + i)).toList();
    EvalSplit split = EvalSplit.of(texts, 0.1, false, 3);
    assertThat(split.held()).hasSize(2); // rounded up
    assertThat(split.train()).hasSize(9);
  }

  @Test
  void whatCannotBeSplitIsRefused() {
    assertThatThrownBy(() -> EvalSplit.of(examples(1, 1, 1), 0.5, true, 1))
        .isExactlyInstanceOf(LorikeetException.class)
        .hasMessage(
            "eval_fraction is 0.5, and none of 3 examples can be held out, as each label needs one"
                + " to be learned from: add examples, or give evaluation data of their own");
    for (double fraction : new double[] {0, 1, -0.1, 20, Double.NaN}) {
      assertThatThrownBy(() -> EvalSplit.of(examples(5, 5, 0), fraction, true, 1))
          .isInstanceOf(UsageException.class)
          .hasMessage("eval_fraction is " + fraction + ": it must be between 0 and 1");
    }
  }
}
