package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GradientPassTest {
  private static final int[] LENGTHS = {3, 9, 4, 1, 6};
  private static final int[] ALL = {0, 1, 2, 3, 4};

  @Test
  void aBatchThatFitsStaysWhole() {
    assertThat(GradientPass.parts(ALL, LENGTHS, 45)).containsExactly(ALL);
  }

  @Test
  void aLargerBatchIsCutLongestRowsFirst() {
    // 9 alone; 6 and 4 as two rows of six; 3 and 1 as two rows of three
    assertThat(GradientPass.parts(ALL, LENGTHS, 12))
        .containsExactly(new int[] {1}, new int[] {4, 2}, new int[] {0, 3});
  }

  @Test
  void aRowLongerThanTheLimitGoesAlone() {
    assertThat(GradientPass.parts(new int[] {1, 3}, LENGTHS, 2))
        .containsExactly(new int[] {1}, new int[] {3});
  }

  @Test
  void partsGiveTheGradientsOfTheWholeBatch() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      Map<Parameter, Tensor> whole = gradients(model, trainables, examples, Integer.MAX_VALUE);
      Map<Parameter, Tensor> inParts = gradients(model, trainables, examples, 20);
      for (Trainable trainable : trainables) {
        Tensor wanted = Objects.requireNonNull(whole.get(trainable.parameter()));
        Tensor found = Objects.requireNonNull(inParts.get(trainable.parameter()));
        assertThat(wanted.sub(found).abs().max().item()).as(trainable.name()).isLessThan(1e-6);
      }
    }
  }

  private static Map<Parameter, Tensor> gradients(
      Model model, List<Trainable> trainables, List<EncodedExample> examples, int maxTokens) {
    GradientPass pass = new GradientPass(
            model, trainables, new Loss(model), 0, maxTokens, LossScale.of(DType.FLOAT32), s -> {});
    int[] all = IntStream.range(0, examples.size()).toArray();
    List<int[]> batches =
        List.of(Arrays.copyOfRange(all, 0, 8), Arrays.copyOfRange(all, 8, all.length));
    return pass.gradients(examples, batches, new RunState());
  }
}
