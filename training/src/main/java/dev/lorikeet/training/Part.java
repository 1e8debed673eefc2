package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Rows that go through the model together. */
record Part(List<Row> rows, Batch batch) {
  /** What a part costs beside its positions, in positions: weights are read, operations begun. */
  private static final int COST = 64;

  /** A text of an example of a step. */
  record Row(StepBatch step, int index, int column) {
    EncodedExample text() {
      EncodedExample example = step.examples.get(index);
      return column == 0 ? example : example.others().get(column - 1);
    }

    /** All texts of an example. */
    static List<Row> of(StepBatch step, int index) {
      return IntStream.rangeClosed(0, step.examples.get(index).others().size())
          .mapToObj(column -> new Row(step, index, column))
          .toList();
    }
  }

  /** How many positions it takes, padding among them. */
  int positions() {
    return batch.rows() * batch.length();
  }

  static Part of(List<Row> rows, int padTokenId) {
    return new Part(
        rows,
        Batch.ofRows(
            rows.stream().map(Row::text).toList(),
            rows.stream().mapToInt(Row::index).toArray(),
            rows.stream().mapToInt(Row::column).toArray(),
            padTokenId));
  }

  /**
   * Cuts rows into parts of at most so many positions, or one group.
   *
   * @param groups rows that stay together
   */
  static List<Part> cut(List<List<Row>> groups, int maxTokens, int padTokenId) {
    int[] lengths = groups.stream().mapToInt(Part::positions).toArray();
    List<Part> parts = new ArrayList<>();
    for (int[] part : cut(IntStream.range(0, lengths.length).toArray(), lengths, maxTokens)) {
      parts.add(
          of(IntStream.of(part).mapToObj(groups::get).flatMap(List::stream).toList(), padTokenId));
    }
    return parts;
  }

  /** How many positions a group takes, padded to its longest row. */
  private static int positions(List<Row> group) {
    return group.size() * group.stream().mapToInt(row -> row.text().length()).max().orElseThrow();
  }

  /**
   * Cuts a batch, its longest rows first, into parts of at most so many positions, or one row; so
   * that all positions together, padding among them, and what each part costs are the least.
   *
   * @param lengths of all examples
   */
  static List<int[]> cut(int[] indices, int[] lengths, int maxTokens) {
    int[] sorted =
        IntStream.of(indices)
            .boxed()
            .sorted(Comparator.comparingInt(i -> -lengths[i]))
            .mapToInt(i -> i)
            .toArray();
    long[] least = new long[sorted.length + 1]; // of the rows from i on
    int[] end = new int[sorted.length]; // of the part that begins with row i
    for (int start = sorted.length - 1; start >= 0; start--) {
      int longest = Math.max(1, lengths[sorted[start]]);
      int most = Math.min(sorted.length, start + Math.max(1, maxTokens / longest));
      least[start] = Long.MAX_VALUE;
      for (int next = most; next > start; next--) {
        long cost = (long) (next - start) * longest + COST + least[next];
        if (cost < least[start]) {
          least[start] = cost;
          end[start] = next;
        }
      }
    }
    List<int[]> parts = new ArrayList<>();
    for (int start = 0; start < sorted.length; start = end[start]) {
      parts.add(Arrays.copyOfRange(sorted, start, end[start]));
    }
    return parts;
  }
}
