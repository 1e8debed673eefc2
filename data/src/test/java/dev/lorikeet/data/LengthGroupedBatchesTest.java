package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LengthGroupedBatchesTest {
  /** Words and marks: what BERT's tokenizer splits before it looks into words. */
  private static final Pattern TOKEN = Pattern.compile("\\w+|[^\\w\\s]");

  @Property
  void everyExampleIsInAnEpochOnce(
      @ForAll("lengths") int[] lengths, @ForAll @IntRange(min = 1, max = 70) int batchSize) {
    assertThat(all(LengthGroupedBatches.epoch(lengths, batchSize, 1, 0)))
        .containsExactly(IntStream.range(0, lengths.length).toArray());
    assertThat(all(LengthGroupedBatches.evaluation(lengths, batchSize)))
        .containsExactly(IntStream.range(0, lengths.length).toArray());
  }

  @Property
  void allBatchesButOneAreFull(
      @ForAll("lengths") int[] lengths, @ForAll @IntRange(min = 1, max = 70) int batchSize) {
    List<int[]> batches = LengthGroupedBatches.epoch(lengths, batchSize, 1, 0);
    assertThat(batches).hasSize((lengths.length + batchSize - 1) / batchSize);
    assertThat(batches.stream().filter(batch -> batch.length != batchSize).count())
        .isEqualTo(lengths.length % batchSize == 0 ? 0 : 1);
  }

  @Property
  void theLongestExampleIsInTheFirstBatch(
      @ForAll("lengths") int[] lengths, @ForAll @IntRange(min = 1, max = 70) int batchSize) {
    int longest = Arrays.stream(lengths).max().orElseThrow();
    assertThat(longest(LengthGroupedBatches.epoch(lengths, batchSize, 3, 1).get(0), lengths))
        .isEqualTo(longest);
    assertThat(longest(LengthGroupedBatches.evaluation(lengths, batchSize).get(0), lengths))
        .isEqualTo(longest);
  }

  @Property
  void theSameSeedAndEpochGiveTheSameBatches(
      @ForAll("lengths") int[] lengths, @ForAll long seed, @ForAll @IntRange(max = 50) int epoch) {
    List<int[]> once = LengthGroupedBatches.epoch(lengths, 8, seed, epoch);
    List<int[]> again = LengthGroupedBatches.epoch(lengths.clone(), 8, seed, epoch);
    assertThat(again.toArray(int[][]::new)).isDeepEqualTo(once.toArray(int[][]::new));
  }

  @Property(tries = 50)
  void epochsAndSeedsDiffer(@ForAll long seed, @ForAll @IntRange(max = 50) int epoch) {
    int[] lengths = new int[100]; // 100 equal examples: the chance of a repetition is 1 in 100!
    int[] order = flat(LengthGroupedBatches.epoch(lengths, 8, seed, epoch));
    assertThat(flat(LengthGroupedBatches.epoch(lengths, 8, seed, epoch + 1))).isNotEqualTo(order);
    assertThat(flat(LengthGroupedBatches.epoch(lengths, 8, seed + 1, epoch))).isNotEqualTo(order);
  }

  @Test
  void examplesMeetOthersInEveryEpoch() {
    int[] lengths = glossLengths(2000);
    List<int[]> first = LengthGroupedBatches.epoch(lengths, 32, 1, 0);
    List<int[]> second = LengthGroupedBatches.epoch(lengths, 32, 1, 1);
    int[] companions = batchOf(0, first);
    long met = Arrays.stream(batchOf(0, second)).filter(i -> contains(companions, i)).count();
    // About 700 of 16,000 glosses have the same length; of 32, 1 or 2 would meet again by chance.
    assertThat(met).isLessThan(10);
  }

  @Test
  void lengthsDoNotFallOverAnEpoch() {
    int[] lengths = glossLengths(2000);
    List<int[]> batches = LengthGroupedBatches.epoch(lengths, 32, 1, 0);
    double[] means =
        batches.stream()
            .mapToDouble(b -> Arrays.stream(b).map(i -> lengths[i]).average().orElseThrow())
            .toArray();
    double firstHalf = Arrays.stream(means, 0, 250).average().orElseThrow();
    double secondHalf = Arrays.stream(means, 250, 500).average().orElseThrow();
    // The mean of 250 batches of mean length 14 and deviation 8: standard error 0.5, of the
    // difference 0.7; sorted batches would differ by 12.
    assertThat(firstHalf).isCloseTo(secondHalf, within(3.0));
  }

  @ParameterizedTest
  @ValueSource(ints = {320, 2000})
  void paddingStaysUnderATenthOfTheTokensOnWordNet(int glossesPerTopic) {
    int[] lengths = glossLengths(glossesPerTopic);
    double padding =
        IntStream.range(0, 3)
            .mapToDouble(
                epoch ->
                    LengthGroupedBatches.paddingRatio(
                        lengths, LengthGroupedBatches.epoch(lengths, 32, 7, epoch)))
            .average()
            .orElseThrow();
    assertThat(padding).isLessThan(0.10);
  }

  @Test
  void evaluationGoesFromLongToShort() {
    List<int[]> batches = LengthGroupedBatches.evaluation(new int[] {3, 9, 3, 7, 1}, 2);
    assertThat(batches.toArray(int[][]::new)).isDeepEqualTo(new int[][] {{1, 3}, {0, 2}, {4}});
  }

  @Test
  void paddingIsThePartOfTheTokensThatHoldsNothing() {
    assertThat(
            LengthGroupedBatches.paddingRatio(
                new int[] {4, 2, 3, 3}, List.of(new int[] {0, 1}, new int[] {2, 3})))
        // 12 tokens in 2·4 + 2·3 places; the tolerance is rounding of a double
        .isCloseTo(2.0 / 14, within(1e-15));
    assertThat(LengthGroupedBatches.paddingRatio(new int[0], List.of())).isZero();
  }

  @Test
  void anEmptyDataSetHasNoBatches() {
    assertThat(LengthGroupedBatches.epoch(new int[0], 8, 1, 0)).isEmpty();
    assertThat(LengthGroupedBatches.evaluation(new int[0], 8)).isEmpty();
  }

  @Test
  void aBatchHoldsAtLeastOneExample() {
    assertThatThrownBy(() -> LengthGroupedBatches.epoch(new int[] {1}, 0, 1, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("batch-size must be at least 1, not 0");
  }

  @Provide
  Arbitrary<int[]> lengths() {
    return Arbitraries.integers().between(1, 512).array(int[].class).ofMinSize(1).ofMaxSize(700);
  }

  private static int[] glossLengths(int perTopic) {
    return WordNetGlosses.topics(WordNetGlosses.TOPICS, perTopic, 0, 1).train().stream()
        .mapToInt(example -> 2 + (int) TOKEN.matcher(example.text()).results().count())
        .toArray();
  }

  private static int[] all(List<int[]> batches) {
    return batches.stream().flatMapToInt(Arrays::stream).sorted().toArray();
  }

  private static int[] flat(List<int[]> batches) {
    return batches.stream().flatMapToInt(Arrays::stream).toArray();
  }

  private static int longest(int[] batch, int[] lengths) {
    return Arrays.stream(batch).map(i -> lengths[i]).max().orElseThrow();
  }

  private static int[] batchOf(int example, List<int[]> batches) {
    return batches.stream().filter(batch -> contains(batch, example)).findFirst().orElseThrow();
  }

  private static boolean contains(int[] items, int item) {
    return Arrays.stream(items).anyMatch(i -> i == item);
  }
}
