package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BatchTest {
  private static final long[] NO_CLASSES = {};
  private static final float[] NO_TARGETS = {};
  private static final int PAD = 99;

  @Test
  void shortRowsArePaddedOnTheRight() {
    List<EncodedExample> all =
        List.of(
            single(new int[] {1, 2}, 5), single(new int[] {3}, 6), single(new int[] {4, 5, 6}, 7));
    Batch batch = Batch.of(all, new int[] {2, 0}, PAD);
    assertThat(batch.rows()).isEqualTo(2);
    assertThat(batch.length()).isEqualTo(3);
    assertThat(batch.inputIds()).containsExactly(4, 5, 6, 1, 2, PAD);
    assertThat(batch.attentionMask()).containsExactly(1, 1, 1, 1, 1, 0);
    assertThat(batch.tokenTypeIds()).containsExactly(1, 1, 1, 1, 1, 0);
    assertThat(batch.classes()).containsExactly(7, 5);
    assertThat(batch.targets()).isEmpty();
    assertThat(batch.indices()).containsExactly(2, 0);
    assertThat(batch.tokens()).isEqualTo(5);
    assertThat(batch.labelled()).isEqualTo(2);
  }

  @Test
  void classesOfTokensArePaddedAndOnlyThoseThatCountAreCounted() {
    List<EncodedExample> all =
        List.of(tagged(new int[] {1, 2, 3}, -100, 4, -100), tagged(new int[] {1}, 2));
    Batch batch = Batch.of(all, new int[] {0, 1}, PAD);
    assertThat(batch.classes()).containsExactly(-100, 4, -100, 2, -100, -100);
    assertThat(batch.labelled()).isEqualTo(2);
  }

  @Test
  void targetsStandRowByRow() {
    List<EncodedExample> all = List.of(targets(1, 0, 0), targets(0, 1, 1));
    Batch batch = Batch.of(all, new int[] {1, 0}, PAD);
    assertThat(batch.targets()).containsExactly(0, 1, 1, 1, 0, 0);
    assertThat(batch.classes()).isEmpty();
    assertThat(batch.labelled()).isEqualTo(2);
  }

  @Test
  void unlabelledRowsHaveNothingThatCounts() {
    Batch batch = Batch.of(List.of(targets()), new int[] {0}, PAD);
    assertThat(batch.labelled()).isZero();
    assertThat(batch.classes()).isEmpty();
  }

  @Test
  void labelledAndUnlabelledRowsDoNotMix() {
    assertThatThrownBy(
            () -> Batch.of(List.of(single(new int[] {1}, 0), targets()), new int[] {0, 1}, PAD))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("labelled and unlabelled examples in one batch");
  }

  @Property
  void everyTokenIsInItsRowAndTheRestIsPadding(
      @ForAll @Size(min = 1, max = 20) List<@IntRange(min = 1, max = 30) Integer> lengths) {
    List<EncodedExample> all =
        lengths.stream().map(n -> single(IntStream.rangeClosed(1, n).toArray(), 0)).toList();
    Batch batch = Batch.of(all, IntStream.range(0, all.size()).toArray(), PAD);
    assertThat(batch.length()).isEqualTo(lengths.stream().mapToInt(i -> i).max().orElseThrow());
    assertThat(batch.tokens()).isEqualTo(lengths.stream().mapToInt(i -> i).sum());
    for (int row = 0; row < batch.rows(); row++) {
      for (int t = 0; t < batch.length(); t++) {
        int at = row * batch.length() + t;
        boolean token = t < lengths.get(row);
        assertThat(batch.inputIds()[at]).isEqualTo(token ? t + 1 : PAD);
        assertThat(batch.attentionMask()[at]).isEqualTo(token ? 1 : 0);
      }
    }
  }

  private static EncodedExample single(int[] ids, long label) {
    int[] types = IntStream.of(ids).map(id -> 1).toArray();
    return new EncodedExample(ids, types, new long[] {label}, NO_TARGETS);
  }

  private static EncodedExample tagged(int[] ids, long... classes) {
    return new EncodedExample(ids, new int[ids.length], classes, NO_TARGETS);
  }

  private static EncodedExample targets(float... targets) {
    return new EncodedExample(new int[] {1}, new int[] {0}, NO_CLASSES, targets);
  }
}
