package dev.lorikeet.tasks.objectives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.TinyBert;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The sum over the labels that count, and how many those are, for each kind of label. */
@Tag("numeric")
class LabelLossTest {
  /** A few roundings of float32 sums near 5. */
  private static final double ROUNDING = 2e-6;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Batch batch(List<EncodedExample> examples) {
    return Batch.of(examples, IntStream.range(0, examples.size()).toArray(), 0);
  }

  private static void assertLoss(
      String name, List<EncodedExample> examples, Tensor logits, double sum, int terms) {
    try (Model model = TinyBert.open(name)) {
      Objective loss = Tasks.of(model).objective();
      Batch batch = batch(examples);
      Tensor found = OfLogits.sum(loss, logits, batch);
      assertThat(found.item()).isCloseTo(sum, within(ROUNDING));
      assertThat(found.dtype()).isEqualTo(DType.FLOAT32);
      assertThat(loss.terms(batch)).isEqualTo(terms);
    }
  }

  private static EncodedExample example(int tokens, long[] classes, float... targets) {
    return new EncodedExample(new int[tokens], new int[tokens], classes, targets);
  }

  @Test
  void classesOfTextsBySoftmaxCrossEntropy() {
    Tensor logits = Tensor.of(new float[] {0, 0, 0, (float) Math.log(2), 0, 0}, 2, 3);
    assertLoss(
        TinyBert.CLASSIFY,
        List.of(example(2, new long[] {1}), example(3, new long[] {0})),
        logits,
        Math.log(3) + Math.log(2),
        2);
  }

  @Test
  void classesOfTokensWithoutPaddingAndWhatIsIgnored() {
    float[] logits = new float[2 * 3 * 5];
    assertLoss(
        TinyBert.TAG,
        List.of(
            example(3, new long[] {4, EncodedExample.IGNORED, 0}), example(2, new long[] {1, 2})),
        Tensor.of(logits, 2, 3, 5),
        4 * Math.log(5),
        4);
  }

  @Test
  void labelSetsByACrossEntropyForEveryLabel() {
    Tensor logits = Tensor.of(new float[] {0, 0, 0, 0, (float) Math.log(3)}, 1, 5);
    assertLoss(
        TinyBert.MULTI_LABEL,
        List.of(example(1, new long[0], 1, 0, 1, 0, 1)),
        logits,
        4 * Math.log(2) + Math.log(4 / 3.0),
        5);
  }

  @Test
  void numbersByTheirSquaredError() {
    assertLoss(
        TinyBert.REGRESS,
        List.of(example(1, new long[0], 3), example(1, new long[0], -1)),
        Tensor.of(new float[] {1, 0}, 2, 1),
        4 + 1,
        2);
  }

  @Test
  void logitsInBfloat16AreSummedInFloat32() {
    Tensor logits = Tensor.zeros(DType.BFLOAT16, Device.CPU, 1, 3);
    assertLoss(TinyBert.CLASSIFY, List.of(example(1, new long[] {2})), logits, Math.log(3), 1);
  }
}
