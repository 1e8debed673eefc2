package dev.lorikeet.adapters;

import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a batch by who answers them.
 *
 * @param size of the batch
 * @param groups each with other rows; together all of them
 * @param order where each row lies among the groups' rows one after the other, [B], int64; null
 *     where the groups are in the order of the rows
 */
record RowGroups(int size, List<Group> groups, @Nullable Tensor order) {

  /**
   * The rows of one adapter.
   *
   * @param adapter empty for the base
   * @param rows which, ascending
   * @param index the same as a tensor, [n], int64
   */
  @SuppressWarnings("ArrayRecordComponent") // groups are never compared
  record Group(Optional<Adapter> adapter, int[] rows, Tensor index) {
    /** Its rows of {@code x}: a view where they lie side by side. */
    Tensor of(Tensor x) {
      return rows[rows.length - 1] - rows[0] == rows.length - 1
          ? x.narrow(0, rows[0], rows.length)
          : x.index(0, index);
    }
  }

  /** The groups of a batch. */
  static RowGroups of(List<Optional<Adapter>> rows, Device device) {
    Map<Optional<Adapter>, List<Integer>> sorted = new LinkedHashMap<>();
    for (int row = 0; row < rows.size(); row++) {
      sorted.computeIfAbsent(rows.get(row), a -> new ArrayList<>()).add(row);
    }
    List<Group> groups = new ArrayList<>();
    sorted.forEach((adapter, own) -> groups.add(group(adapter, own, device)));
    int[] order = groups.stream().flatMapToInt(g -> IntStream.of(g.rows)).toArray();
    return new RowGroups(rows.size(), groups, isSorted(order) ? null : inverse(order, device));
  }

  /** Who answers rows, beside the base. */
  List<Adapter> adapters() {
    return groups.stream().flatMap(group -> group.adapter.stream()).toList();
  }

  private static Group group(Optional<Adapter> adapter, List<Integer> own, Device device) {
    int[] rows = own.stream().mapToInt(row -> row).toArray();
    return new Group(adapter, rows, index(IntStream.of(rows).asLongStream().toArray(), device));
  }

  private static boolean isSorted(int[] order) {
    return IntStream.range(0, order.length).allMatch(i -> order[i] == i);
  }

  private static Tensor inverse(int[] order, Device device) {
    long[] places = new long[order.length];
    for (int i = 0; i < order.length; i++) {
      places[order[i]] = i;
    }
    return index(places, device);
  }

  private static Tensor index(long[] values, Device device) {
    return Tensor.of(values, values.length).to(device);
  }

  /** What is made of each group, put together in the order of the rows. */
  Tensor join(Function<Group, Tensor> made) {
    Tensor joined = Tensor.cat(groups.stream().map(made).toList(), 0);
    return order == null ? joined : joined.index(0, order);
  }
}
